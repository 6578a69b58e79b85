// SPDX-License-Identifier: Apache-2.0
//
// Folders of audit logs, looked through again and again beside the sensor.
//
// Reads   folders.
// Writes  what `CloudIngest` writes.
// Leaves  when to start and stop (the command).

import Dispatch
import Foundation
package import Records
import Store
import Synchronization

/// Reads what is new in folders, in a thread of its own.
package final class CloudWatcher: Sendable {
    package struct Settings: Sendable {
        package var store: String
        package var folders: [String]
        package var intervalSeconds = 30
        package var sensorName = "weir"
        /// Seconds in which alerts of one rule about the same become one row.
        package var foldSeconds = 60
        /// Makes who looks at each new record, before each look into the folders; given is the number that the last
        /// one had, 0 at first, and nil is the answer where nothing is newer. Called in the watcher's thread.
        package var observer: @Sendable (Int) -> (number: Int, observer: CloudObserver?)? = { _ in nil }
        /// Makes those who look on while new rows are written, before each look into the folders.
        package var onlookers: @Sendable () -> [any RowObserver] = { [] }
        /// Told what an operator should hear: new rows, damage, a store that cannot be written.
        package var tell: @Sendable (String) -> Void = { _ in }

        package init(store: String, folders: [String]) {
            self.store = store
            self.folders = folders
        }
    }

    private let isStopped = Atomic(false)
    private let bell = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// Begins at once.
    package init(_ settings: Settings) {
        let thread = Thread { [self] in
            run(settings)
            ended.signal()
        }
        thread.name = "cloud"
        thread.start()
    }

    /// Ends after the record at hand; waits for it.
    package func stop() {
        guard !isStopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        bell.signal()
        ended.wait()
    }

    private func run(_ settings: Settings) {
        var ingest = CloudIngest.Settings()
        ingest.sensorName = settings.sensorName
        ingest.foldSeconds = settings.foldSeconds
        var number = 0
        ingest.isCancelled = { [self] in isStopped.load(ordering: .acquiring) }
        /// The same fault is told once.
        var told: Set<String> = []
        while !isStopped.load(ordering: .acquiring) {
            if let newer = settings.observer(number) { (number, ingest.observer) = newer }
            ingest.onlookers = settings.onlookers()
            do throws(StoreError) {
                let pass = try CloudIngest(store: settings.store, settings: ingest)
                try pass.read(settings.folders)
                let summary = pass.summary
                if summary.rows > 0 || summary.quarantined > 0 {
                    settings.tell(
                        "\(summary.rows) new audit records, \(summary.alerts) alerts, "
                            + "\(summary.quarantined) in quarantine")
                }
                for line in summary.damagedFiles where told.count < 10_000 && told.insert(line).inserted {
                    settings.tell(line)
                }
            } catch {
                if told.insert(error.description).inserted { settings.tell(error.description) }
            }
            _ = bell.wait(timeout: .now() + .seconds(max(settings.intervalSeconds, 1)))
        }
    }
}
