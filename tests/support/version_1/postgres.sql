--
-- PostgreSQL database dump
--

-- Dumped from database version 16.2
-- Dumped by pg_dump version 16.2

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: provider_events_refuse(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.provider_events_refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the event log can only grow';
END;
$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: log_heads; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.log_heads (
    user_id uuid NOT NULL,
    "position" integer NOT NULL,
    CONSTRAINT log_heads_position_check CHECK (("position" >= 1))
)
WITH (fillfactor='50');


--
-- Name: open_attempts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.open_attempts (
    attempt_id uuid NOT NULL,
    opened_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: provider_connections; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.provider_connections (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    provider_slug text NOT NULL,
    alias text,
    status text NOT NULL,
    encrypted_credentials bytea,
    credential_type text,
    credentials_expire_at timestamp with time zone,
    connected_at timestamp with time zone,
    disconnected_at timestamp with time zone,
    last_sync_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT provider_connections_alias_check CHECK ((char_length(alias) <= 100)),
    CONSTRAINT provider_connections_check CHECK (((encrypted_credentials IS NULL) = (credential_type IS NULL))),
    CONSTRAINT provider_connections_check1 CHECK (((encrypted_credentials IS NOT NULL) OR (credentials_expire_at IS NULL))),
    CONSTRAINT provider_connections_check2 CHECK (((status <> 'active'::text) OR (encrypted_credentials IS NOT NULL))),
    CONSTRAINT provider_connections_check3 CHECK (((status <> 'disconnected'::text) OR (encrypted_credentials IS NULL))),
    CONSTRAINT provider_connections_credential_type_check CHECK ((char_length(credential_type) > 0)),
    CONSTRAINT provider_connections_encrypted_credentials_check CHECK ((length(encrypted_credentials) > 0)),
    CONSTRAINT provider_connections_provider_slug_check CHECK (((char_length(provider_slug) >= 1) AND (char_length(provider_slug) <= 50))),
    CONSTRAINT provider_connections_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'active'::text, 'expired'::text, 'revoked'::text, 'failed'::text, 'disconnected'::text]))),
    CONSTRAINT provider_connections_version_check CHECK ((version >= 1))
);


--
-- Name: provider_events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.provider_events (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    "position" integer NOT NULL,
    kind text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    connection_id uuid NOT NULL,
    attempt_id uuid NOT NULL,
    provider_id uuid,
    provider_slug text,
    reason text,
    CONSTRAINT provider_events_check CHECK (((kind = 'failed'::text) = (reason IS NOT NULL))),
    CONSTRAINT provider_events_check1 CHECK (((provider_id IS NULL) = (provider_slug IS NULL))),
    CONSTRAINT provider_events_kind_check CHECK ((kind = ANY (ARRAY['attempted'::text, 'succeeded'::text, 'failed'::text]))),
    CONSTRAINT provider_events_position_check CHECK (("position" >= 1)),
    CONSTRAINT provider_events_provider_slug_check CHECK (((char_length(provider_slug) >= 1) AND (char_length(provider_slug) <= 50))),
    CONSTRAINT provider_events_reason_check CHECK ((reason = ANY (ARRAY['connection_not_found'::text, 'not_owned_by_user'::text, 'database_error'::text, 'interrupted'::text])))
);


--
-- Name: schema_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schema_version (
    version integer NOT NULL,
    applied_at timestamp with time zone NOT NULL
);


--
-- Data for Name: log_heads; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.log_heads (user_id, "position") FROM stdin;
00000000-0000-0000-0000-00000000000b	2
00000000-0000-0000-0000-00000000000a	5
\.


--
-- Data for Name: open_attempts; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.open_attempts (attempt_id, opened_at) FROM stdin;
01a21363-3d26-77c3-ae19-f64c8fb21ec1	2026-11-25 15:46:40.551395+00
\.


--
-- Data for Name: provider_connections; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.provider_connections (id, user_id, provider_id, provider_slug, alias, status, encrypted_credentials, credential_type, credentials_expire_at, connected_at, disconnected_at, last_sync_at, created_at, updated_at, version) FROM stdin;
00000000-0000-0000-0000-000000000102	00000000-0000-0000-0000-00000000000a	00000000-0000-0000-0000-000000000001	schwab	\N	active	\\x674141414141427242774c6539714f5971623532324247644447767942525a525537596552726e4e495356435954505a65563845343379794c6c44517372376e746349724234744c5441684a432d575f4256516d79476351356b6a4471525f7238464442486871726776726953366933517157494967343d	oauth2	\N	2026-01-02 03:04:05+00	\N	\N	2026-11-25 15:46:38.441644+00	2026-11-25 15:46:38.441644+00	1
00000000-0000-0000-0000-000000000103	00000000-0000-0000-0000-00000000000a	00000000-0000-0000-0000-000000000001	schwab	\N	expired	\\x674141414141427242774c65796864566451704635496539446a6377747a3574766844695634335333455477615a7a78466b4f424c55354e7959416e4e78677961585a69786353357638554263616a304a7567554d3233504564397a3864333076676133486d56664f6b36536847444f48432d615f5a493d	oauth2	\N	2026-01-02 03:04:05+00	\N	\N	2026-11-25 15:46:38.441705+00	2026-11-25 15:46:38.441705+00	1
00000000-0000-0000-0000-000000000201	00000000-0000-0000-0000-00000000000b	00000000-0000-0000-0000-000000000001	schwab	\N	active	\\x674141414141427242774c6534546a587a4c643352715177335847752d495234514f78676f4844696e4e2d6832596c6c7552787177796e46426f75467354474f6b4f6d464a5271644b7039725a4c48496b6e76315a7738502d5654706a456c6d776e667053554658673130473776754a51426a415f48303d	oauth2	\N	2026-01-02 03:04:05+00	\N	\N	2026-11-25 15:46:38.441833+00	2026-11-25 15:46:38.441833+00	1
00000000-0000-0000-0000-000000000101	00000000-0000-0000-0000-00000000000a	00000000-0000-0000-0000-000000000001	schwab	My IRA	disconnected	\N	\N	\N	2026-01-02 03:04:05+00	2026-11-25 15:46:40.509091+00	\N	2026-11-25 15:46:38.440429+00	2026-11-25 15:46:40.509091+00	2
\.


--
-- Data for Name: provider_events; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.provider_events (id, user_id, "position", kind, occurred_at, connection_id, attempt_id, provider_id, provider_slug, reason) FROM stdin;
01a21363-3c9d-74dd-aba7-9e9f6c6ceb32	00000000-0000-0000-0000-00000000000a	1	attempted	2026-11-25 15:46:40.413357+00	00000000-0000-0000-0000-000000000999	01a21363-3c9b-7205-a150-f4afa8d6b47c	\N	\N	\N
01a21363-3cbd-7553-89ad-92601d4d0a01	00000000-0000-0000-0000-00000000000a	2	failed	2026-11-25 15:46:40.445342+00	00000000-0000-0000-0000-000000000999	01a21363-3c9b-7205-a150-f4afa8d6b47c	\N	\N	connection_not_found
01a21363-3ce0-7706-a596-3879ec274fd5	00000000-0000-0000-0000-00000000000b	1	attempted	2026-11-25 15:46:40.480261+00	00000000-0000-0000-0000-000000000101	01a21363-3cdf-73c4-9c59-e65af770316a	\N	\N	\N
01a21363-3ce2-74f1-ad25-bf5fa9307753	00000000-0000-0000-0000-00000000000b	2	failed	2026-11-25 15:46:40.482137+00	00000000-0000-0000-0000-000000000101	01a21363-3cdf-73c4-9c59-e65af770316a	\N	\N	not_owned_by_user
01a21363-3cfb-7791-a5e9-edc3812f261a	00000000-0000-0000-0000-00000000000a	3	attempted	2026-11-25 15:46:40.507735+00	00000000-0000-0000-0000-000000000101	01a21363-3cfb-7791-a5e9-edc2d75f2113	00000000-0000-0000-0000-000000000001	schwab	\N
01a21363-3cfd-72d5-bfc9-1cff7c68e961	00000000-0000-0000-0000-00000000000a	4	succeeded	2026-11-25 15:46:40.509143+00	00000000-0000-0000-0000-000000000101	01a21363-3cfb-7791-a5e9-edc2d75f2113	00000000-0000-0000-0000-000000000001	schwab	\N
01a21363-3d27-7704-a370-609b890fe48b	00000000-0000-0000-0000-00000000000a	5	attempted	2026-11-25 15:46:40.551244+00	00000000-0000-0000-0000-000000000102	01a21363-3d26-77c3-ae19-f64c8fb21ec1	00000000-0000-0000-0000-000000000001	schwab	\N
\.


--
-- Data for Name: schema_version; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.schema_version (version, applied_at) FROM stdin;
1	2026-11-25 15:46:37.39862+00
\.


--
-- Name: log_heads log_heads_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.log_heads
    ADD CONSTRAINT log_heads_pkey PRIMARY KEY (user_id);


--
-- Name: open_attempts open_attempts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.open_attempts
    ADD CONSTRAINT open_attempts_pkey PRIMARY KEY (attempt_id);


--
-- Name: provider_connections provider_connections_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.provider_connections
    ADD CONSTRAINT provider_connections_pkey PRIMARY KEY (id);


--
-- Name: provider_events provider_events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.provider_events
    ADD CONSTRAINT provider_events_pkey PRIMARY KEY (id);


--
-- Name: schema_version schema_version_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY (version);


--
-- Name: provider_connections_by_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX provider_connections_by_user ON public.provider_connections USING btree (user_id, created_at, id);


--
-- Name: provider_events_by_position; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX provider_events_by_position ON public.provider_events USING btree (user_id, "position");


--
-- Name: provider_events_one_attempted; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX provider_events_one_attempted ON public.provider_events USING btree (attempt_id) WHERE (kind = 'attempted'::text);


--
-- Name: provider_events_one_outcome; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX provider_events_one_outcome ON public.provider_events USING btree (attempt_id) WHERE (kind <> 'attempted'::text);


--
-- Name: provider_events provider_events_refuse_change; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER provider_events_refuse_change BEFORE DELETE OR UPDATE ON public.provider_events FOR EACH ROW EXECUTE FUNCTION public.provider_events_refuse();


--
-- Name: provider_events provider_events_refuse_truncate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER provider_events_refuse_truncate BEFORE TRUNCATE ON public.provider_events FOR EACH STATEMENT EXECUTE FUNCTION public.provider_events_refuse();


--
-- PostgreSQL database dump complete
--

