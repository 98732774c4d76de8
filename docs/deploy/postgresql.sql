-- Run once by an administrator:
--   psql -v owner_password="..." -v password="..." -f postgresql.sql
--
-- `unplug_owner` owns the tables and runs `unplug migrate`. `unplug` serves: it can neither change the
-- schema, nor truncate tables, nor go round the triggers that keep the event log as it is.

\set ON_ERROR_STOP on

CREATE ROLE unplug_owner LOGIN PASSWORD :'owner_password' CONNECTION LIMIT 5;
CREATE ROLE unplug LOGIN PASSWORD :'password';

-- Session settings that do not survive a proxy that pools transactions.
ALTER ROLE unplug SET statement_timeout = '5s';
ALTER ROLE unplug SET lock_timeout = '2s';
ALTER ROLE unplug SET idle_in_transaction_session_timeout = '5s';

CREATE DATABASE unplug OWNER unplug_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE unplug FROM PUBLIC;
GRANT CONNECT ON DATABASE unplug TO unplug;

\connect unplug

ALTER SCHEMA public OWNER TO unplug_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO unplug;
ALTER DEFAULT PRIVILEGES FOR ROLE unplug_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO unplug;
ALTER DEFAULT PRIVILEGES FOR ROLE unplug_owner IN SCHEMA public
  GRANT USAGE ON SEQUENCES TO unplug;
