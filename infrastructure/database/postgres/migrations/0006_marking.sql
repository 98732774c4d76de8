-- A commit leaves a user alone who is due already: what moves a delivery's position reads the end of the log. It must not
-- judge that by what it saw before it held the user's head, so the look is a function's, which sees what is committed now.
-- Nodes of the version before move positions without that: stop them first.

CREATE FUNCTION mark_due(users uuid[], befores integer[], heads integer[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO webhook_deliveries AS d (endpoint_id, user_id, position, head)
    SELECT e.id, g.user_id, CASE WHEN e.from_start THEN 0 ELSE g.before END, g.head
    FROM webhook_endpoints e CROSS JOIN unnest(users, befores, heads) AS g (user_id, before, head)
    WHERE e.state <> 'removed' AND (
        -- One look by key for each, never the index of all who are due.
        (SELECT x.is_due FROM webhook_deliveries x WHERE x.endpoint_id = e.id AND x.user_id = g.user_id) IS NOT TRUE
        OR current_setting('transaction_isolation') = 'repeatable read' -- which sees what was committed at its start
    )
    ORDER BY e.id, g.user_id
    ON CONFLICT (endpoint_id, user_id) DO UPDATE SET
        head = excluded.head,
        behind_since = CASE WHEN d.head > d.position THEN d.behind_since ELSE excluded.behind_since END;
END;
$$;
