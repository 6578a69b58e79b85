// SPDX-License-Identifier: Apache-2.0
//
// The catalogue's database, for modules that keep tables of their own in it: incidents, checkpoints, indicators.
//
// Reads   and writes through GRDB, beside a sensor and other commands.
// Leaves  the segments' tables to `Catalogue`.

package import GRDB

/// A connection to the store's database, in WAL mode: many read while one writes, and a writer waits for another
/// before it gives up. Usable from any thread and by several processes.
package struct StoreDatabase: Sendable {
    /// Writers wait so long for one another, in seconds.
    static let patience = 30.0

    private let catalogue: Catalogue

    /// Opens the database of the store in `folder`, and makes the store where there is none. With `isReadOnly` a folder
    /// without a store is an error, and so is every write. Throws `.missing`, `.newer`, `.unreadable`, `.unwritable`,
    /// `.full`, `.locked`, `.catalogue`.
    package init(folder: String, isReadOnly: Bool = false) throws(StoreError) {
        let folder = StoreFile.plain(folder)
        if !isReadOnly { try StoreFile.makeFolder(folder) }
        catalogue = try Catalogue(folder: folder, isReadOnly: isReadOnly, patience: StoreDatabase.patience)
    }

    /// The queue itself, for what the calls below do not give.
    package var queue: DatabaseQueue { catalogue.queue }

    /// Runs `body` on one state of the database.
    package func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        try catalogue.read(body)
    }

    /// Runs `body` in one transaction, beside which no other writes. What it throws undoes it all.
    package func write<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        try catalogue.write(body)
    }

    /// Makes or changes a module's own tables. All modules share one list of what was done: the name of each migration
    /// begins with the module's, such as `incidents 1`.
    package func migrate(_ migrator: DatabaseMigrator) throws(StoreError) {
        do { try migrator.migrate(catalogue.queue) } catch { throw Catalogue.error(error, catalogue.path) }
    }
}
