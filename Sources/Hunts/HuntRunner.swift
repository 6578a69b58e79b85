// SPDX-License-Identifier: Apache-2.0
//
// Asking a hunt of a store.
//
// Reads   a hunt, values, a store; for hunts that need it a file of autonomous systems.
// Writes  rows.
// Leaves  showing them (the command), making alerts of them (`Findings`).

package import Query
package import Records
import Store

/// The rows of one hunt.
package struct HuntAnswer: Sendable {
    package var hunt: Hunt
    package var columns: [String] = []
    package var rows: [QueryRow] = []
    /// Why it was not asked; nil where it was.
    package var skipped: String?
}

package struct HuntRunner: Sendable {
    package var store: String
    package var schemas: [LogSchema]
    /// An MMDB file with autonomous systems (GeoLite2-ASN and its kin).
    package var networksFile: String?
    /// Lets another thread cancel.
    package var control = QueryControl()

    package init(store: String, schemas: [LogSchema], networksFile: String? = nil) {
        self.store = store
        self.schemas = schemas
        self.networksFile = networksFile
    }

    /// Hunts that compare with the past look at this much before the newest record, where no time is given.
    private static let recent = 86_400 * second
    private static let newest = "SELECT max(ts) AS newest FROM conn"

    /// The time of the newest connection; nil where there is none.
    package func newest() throws(HuntError) -> Timestamp? {
        do throws(QueryError) {
            let query = try StoreQuery(store: store, schemas: schemas, control: control)
            return try query.first(HuntRunner.newest)?.time("newest")
        } catch {
            throw HuntError(error)
        }
    }

    /// Asks a hunt. A hunt whose input is missing is skipped and says so.
    package func ask(_ hunt: Hunt, _ values: HuntValues) throws(HuntError) -> HuntAnswer {
        var answer = HuntAnswer(hunt: hunt)
        do throws(QueryError) {
            let query = try StoreQuery(store: store, schemas: schemas, control: control)
            query.functions = huntFunctions
            var values = values
            if hunt.needsHistory, values.since == nil {
                guard let newest = try query.first(HuntRunner.newest)?.time("newest") else { return answer }
                values.since = newest.adding(-HuntRunner.recent)
            }
            if hunt.needsNetworks {
                guard let networksFile else {
                    answer.skipped = "it needs an MMDB file of autonomous systems (--mmdb)"
                    return answer
                }
                try HuntRunner.defineNetworks(query, networksFile, values)
            }
            let statement: String
            do { statement = try values.statement(hunt) } catch {
                throw QueryError(.value, error.reason, advice: error.advice)
            }
            let rows = try query.rows(statement)
            answer.columns = rows.columns
            while let row = try rows.next() { answer.rows.append(row) }
        } catch {
            throw HuntError(error, hunt: hunt.name)
        }
        return answer
    }

    /// Asks a hunt of another engine. What only this one knows is skipped and says so.
    ///
    /// - Parameter engine: answers a SELECT with its columns and rows.
    package static func ask(
        _ hunt: Hunt, _ values: HuntValues,
        _ engine: (_ statement: String) throws(HuntError) -> (columns: [String], rows: [QueryRow])
    ) throws(HuntError) -> HuntAnswer {
        var answer = HuntAnswer(hunt: hunt)
        guard hunt.isPortable else {
            answer.skipped = "it is an analysis of Weir's own, which only a store answers (--store)"
            return answer
        }
        var values = values
        if hunt.needsHistory, values.since == nil {
            guard let newest = try engine(newest).rows.first?.time("newest") else { return answer }
            values.since = newest.adding(-recent)
        }
        (answer.columns, answer.rows) = try engine(values.statement(hunt))
        return answer
    }

    /// The table `address_asn`: every outside address of conn with its autonomous system.
    private static func defineNetworks(
        _ query: StoreQuery, _ path: String, _ values: HuntValues
    ) throws(QueryError) {
        let file = try NetworkFile(path: path)
        let statement = HuntText.replacingInternal(
            "SELECT id_resp_h AS address FROM conn WHERE NOT is_internal(id_resp_h) GROUP BY id_resp_h",
            values.networks)
        var table: [[SQLValue]] = []
        let rows = try query.rows(statement)
        while let row = try rows.next() {
            guard let text = row.text("address"), let address = Address(text), let network = file.network(of: address)
            else { continue }
            table.append([SQLValue(text), SQLValue(network.number), SQLValue(network.organisation)])
        }
        try query.define("address_asn", columns: ["address", "asn", "organisation"], rows: table)
    }
}
