// SPDX-License-Identifier: Apache-2.0
//
// The tables of incidents in the catalogue's database.
//
// Reads   nothing.
// Writes  the schema, by migrations that run once.
// Leaves  what stands in them (IncidentLedger.swift).

internal import GRDB

/// The schema. All times are nanoseconds since 1970-01-01 UTC.
enum IncidentTables {
    static let migrator: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("incidents 1") { database in
            try database.execute(sql: first)
        }
        migrator.registerMigration("incidents 2") { database in
            // To forget identities without reading all alerts.
            try database.execute(
                sql: "CREATE INDEX incident_alerts_bare ON incident_alerts (last) WHERE rule IS NULL")
        }
        migrator.registerMigration("incidents 3") { database in
            // To look for the same rule near in time without reading all alerts of an incident.
            try database.execute(
                sql: """
                    CREATE INDEX incident_alerts_by_rule ON incident_alerts (incident, rule, last)
                    WHERE rule IS NOT NULL
                    """)
        }
        return migrator
    }()

    private static let first = """
        -- A group of alerts. In state 'watched' its evidence does not yet call for a person. t0 to t7: first malicious
        -- act, first alert, raised to the queue, acknowledged, verdict, escalated, contained, closed. They say what the
        -- events say; the events are the truth.
        CREATE TABLE incidents (
            id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
            severity INTEGER NOT NULL, score REAL NOT NULL, title TEXT NOT NULL, sentence TEXT NOT NULL,
            owner TEXT, verdict TEXT,
            merged_into INTEGER REFERENCES incidents(id), found_outside INTEGER NOT NULL DEFAULT 0,
            first INTEGER NOT NULL, last INTEGER NOT NULL, alerts INTEGER NOT NULL DEFAULT 0,
            t0 INTEGER, t1 INTEGER, t2 INTEGER, t3 INTEGER, t4 INTEGER, t5 INTEGER, t6 INTEGER, t7 INTEGER);
        CREATE INDEX incidents_by_state ON incidents (state, last);

        -- Everything that happened to an incident, in order; rows are only ever added.
        CREATE TABLE incident_events (
            id INTEGER PRIMARY KEY AUTOINCREMENT, incident INTEGER NOT NULL REFERENCES incidents(id),
            ts INTEGER NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL, why TEXT NOT NULL, what TEXT NOT NULL);
        CREATE INDEX incident_events_by_incident ON incident_events (incident, id);
        CREATE TRIGGER incident_events_stay BEFORE UPDATE ON incident_events
            BEGIN SELECT RAISE(ABORT, 'events of incidents are never changed'); END;
        CREATE TRIGGER incident_events_remain BEFORE DELETE ON incident_events
            BEGIN SELECT RAISE(ABORT, 'events of incidents are never removed'); END;

        -- Each alert, once; of those above a bound the identity alone (rule is null).
        CREATE TABLE incident_alerts (
            key BLOB PRIMARY KEY, incident INTEGER NOT NULL REFERENCES incidents(id), ts INTEGER NOT NULL,
            first INTEGER NOT NULL, last INTEGER NOT NULL, source TEXT, rule TEXT, title TEXT, severity INTEGER,
            confidence REAL, stage TEXT, techniques TEXT, uid TEXT, orig_h TEXT, orig_p INTEGER, resp_h TEXT,
            resp_p INTEGER, is_from_orig INTEGER, application TEXT, buffer TEXT, matched BLOB, count INTEGER NOT NULL,
            entities TEXT, evidence TEXT) WITHOUT ROWID;
        CREATE INDEX incident_alerts_by_incident ON incident_alerts (incident, ts);
        CREATE INDEX incident_alerts_by_uid ON incident_alerts (uid);

        -- What an incident is about. 'joins' is 0 for what too many have in common, such as a resolver.
        CREATE TABLE entities (
            incident INTEGER NOT NULL REFERENCES incidents(id), kind TEXT NOT NULL, value TEXT NOT NULL,
            role TEXT NOT NULL, joins INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
            alerts INTEGER NOT NULL, PRIMARY KEY (incident, kind, value)) WITHOUT ROWID;
        CREATE INDEX entities_by_value ON entities (kind, value, joins, incident);

        -- Segments of alerts that were looked at.
        CREATE TABLE incident_segments (path TEXT PRIMARY KEY) WITHOUT ROWID;
        -- Random keys of the alerts' identities; counters.
        CREATE TABLE incident_state (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        INSERT INTO incident_state VALUES
            ('key 0', random()), ('key 1', random()), ('key 2', random()), ('key 3', random());
        """
}
