// SPDX-License-Identifier: Apache-2.0
//
// Which autonomous system an address belongs to.
//
// Reads   GeoLite2-ASN and files of its form.
// Writes  numbers and names.
// Leaves  the file's format (Signatures/AddressDatabase.swift).

import Query
import Records
import Signatures

/// An open file of autonomous systems.
struct NetworkFile {
    private let database: AddressDatabase

    init(path: String) throws(QueryError) {
        guard let database = AddressDatabase(path: path) else {
            throw QueryError(
                .value, "\(path) is no MMDB file, or cannot be read", advice: "give a file of autonomous systems")
        }
        self.database = database
    }

    func network(of address: Address) -> (number: Int64, organisation: String)? { database.network(of: address) }
}
