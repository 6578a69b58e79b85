// SPDX-License-Identifier: Apache-2.0
//
// The connections that an incident is made of.
//
// Reads   the incident's alerts; conn.
// Writes  identities of connections.
// Leaves  what is done with them (packets).

package import Query
import Records

extension IncidentLedger {
    /// Connections of one alert about two hosts; the oldest come first.
    private static let connectionsMax = 10_000

    /// Identities (`C…`) of the connections that an incident's alerts name, and, of an alert that names two hosts
    /// and no connection, as hunts do, of those between the two from its first time to its last.
    package func connections(of number: Int64, in store: StoreQuery) throws(IncidentError) -> Set<String> {
        var uids = Set(try connectionUIDs(of: number))
        for alert in try view(number).alerts where alert.uid == nil {
            guard let source = alert.originator, let target = alert.responder else { continue }
            do throws(QueryError) {
                let rows = try store.rows(
                    """
                    SELECT uid FROM conn
                    WHERE ts >= :first AND ts <= :last AND id_orig_h = :source AND id_resp_h = :target
                        AND uid IS NOT NULL
                    ORDER BY ts LIMIT \(IncidentLedger.connectionsMax)
                    """,
                    [
                        "first": SQLValue(alert.first), "last": SQLValue(alert.last), "source": SQLValue(source),
                        "target": SQLValue(target),
                    ])
                while let row = try rows.next() { row.text("uid").map { _ = uids.insert($0) } }
            } catch {
                throw IncidentError(.store, error.reason, advice: error.advice)
            }
        }
        return uids
    }
}
