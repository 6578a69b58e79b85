// SPDX-License-Identifier: Apache-2.0
//
// Where ordered rows go: log files, the store, both, or nowhere.

package import Logs
import Records
package import Store

/// The outputs of one run; used by the collector's thread alone.
package final class Outputs {
    private let logs: LogWriter?
    private let store: StoreWriter?
    private let isReplay: Bool
    private var last: Timestamp?

    /// `isReplay` where the store has begun a source, which ends with the run.
    package init(logs: LogWriter?, store: StoreWriter?, isReplay: Bool) {
        self.isReplay = isReplay
        self.logs = logs
        self.store = store
    }

    func append(_ batch: borrowing RowBatch, _ schema: LogSchema) throws {
        try logs?.append(batch: batch, schema: schema)
        if schema.log != .eve { try store?.append(batch, schema: schema) }
    }

    /// The packet time has reached `time`. Segments of the hour that is over are ended, so
    /// that each lies in the folder of its hour.
    func advance(to time: Timestamp) throws {
        let hour = time.nanoseconds / (3600 * second)
        if let last, last.nanoseconds / (3600 * second) != hour { try store?.flush(time: last) }
        last = time
    }

    /// What waits in memory becomes visible: log lines, and segments of the store.
    func flush(at time: Timestamp) throws {
        try logs?.flush()
        try store?.flush(time: time)
    }

    /// Everything is written; a replay becomes visible as a whole.
    func finish() throws {
        try logs?.finish()
        try store?.flush(time: last ?? .zero)
        if isReplay { try store?.commitSource() }
    }
}
