// SPDX-License-Identifier: Apache-2.0
//
// What a store holds, log by log, and whether it is whole.
//
// Reads   the catalogue; for `check` every page of every segment.
// Writes  nothing.
// Leaves  mending (`StoreRepair`), the words on the screen (module weir).

internal import Foundation
internal import GRDB
package import Records

/// One log of a store.
package struct LogStatus: Sendable, Equatable {
    package let log: String
    package var rowCount = 0
    package var byteCount = 0
    package var segmentCount = 0
    /// Smallest and greatest `ts`; nil where no row has one.
    package var times: ClosedRange<Timestamp>?
    /// Hours between the first and the last folder that no segment lies in, as ranges of folders.
    package var gaps: [ClosedRange<Timestamp>] = []

    package var bytesPerRow: Double { rowCount == 0 ? 0 : Double(byteCount) / Double(rowCount) }
}

/// Something that is not as the catalogue says.
package struct StoreFault: Sendable, Equatable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        /// A segment's file is not there.
        case missing
        /// A segment is not what it says it is.
        case damaged
        /// The catalogue says other numbers than the segment.
        case disagrees
        /// A file that the catalogue does not know.
        case unknown
        /// The catalogue itself.
        case catalogue
    }
    package let kind: Kind
    package let path: String
    package let reason: String

    package var description: String { "\(path): \(reason)" }
}

/// What a check found.
package struct StoreReport: Sendable {
    package var segmentCount = 0
    package var rowCount = 0
    package var byteCount = 0
    /// Pages whose checksum was compared.
    package var checksumCount = 0
    package var faults: [StoreFault] = []
}

extension StoreReader {
    /// Every log with a visible segment, in order of names.
    package func status() throws(StoreError) -> [LogStatus] {
        var byLog: [String: LogStatus] = [:]
        var hours: [String: Set<Int64>] = [:]
        for segment in try visibleSegments() {
            var status = byLog[segment.log] ?? LogStatus(log: segment.log)
            status.rowCount += segment.rowCount
            status.byteCount += segment.byteCount
            status.segmentCount += 1
            if let times = segment.times {
                let known = status.times ?? times
                status.times =
                    min(known.lowerBound, times.lowerBound) ... max(known.upperBound, times.upperBound)
                let hour = 3600 * second
                var from = times.lowerBound.nanoseconds / hour
                // A connection of a month is written once: its segment speaks for the hours at its end.
                from = max(from, times.upperBound.nanoseconds / hour - 24)
                for number in from ... times.upperBound.nanoseconds / hour {
                    hours[segment.log, default: []].insert(number)
                }
            }
            byLog[segment.log] = status
        }
        return byLog.keys.sorted().compactMap { log in
            var status = byLog[log]
            status?.gaps = StoreReader.gaps(hours[log] ?? [])
            return status
        }
    }

    /// Hours that are missing between the first and the last.
    static func gaps(_ hours: Set<Int64>) -> [ClosedRange<Timestamp>] {
        let hour = 3600 * second
        let sorted = hours.sorted()
        return zip(sorted, sorted.dropFirst()).compactMap { earlier, later in
            guard later - earlier > 1 else { return nil }
            return Timestamp(nanoseconds: (earlier + 1) * hour) ... Timestamp(nanoseconds: later * hour - 1)
        }
    }

    /// Reads everything and compares it with what the catalogue says. `progress` hears of each segment.
    package func check(progress: ((_ done: Int, _ total: Int) -> Void)? = nil) throws(StoreError) -> StoreReport {
        var report = StoreReport()
        for line in try integrity() {
            report.faults.append(StoreFault(kind: .catalogue, path: Catalogue.fileName, reason: line))
        }
        let segments = try visibleSegments()
        for (index, segment) in segments.enumerated() {
            check(segment, &report)
            progress?(index + 1, segments.count)
        }
        let unknown = Leftovers.segments(folder)
        // A sensor that writes meanwhile merges segments away and adds others: what is said of them is over. Dead ones
        // stand there until the writer takes them away.
        let live = try catalogue.livePaths()
        report.faults.removeAll { fault in fault.kind != .catalogue && !live.contains(relative(fault.path)) }
        let known = live.union(try catalogue.deadPaths())
        // What has a hidden name is not finished, and no engine reads it: the next writer removes it.
        for path in unknown where Leftovers.finalPath(path) == path && !known.contains(path) {
            guard StoreFile.exists("\(folder)/\(path)") else { continue }
            let reason = "the catalogue does not know this segment; an interrupted writer left it"
            report.faults.append(StoreFault(kind: .unknown, path: "\(folder)/\(path)", reason: reason))
        }
        return report
    }

    private func relative(_ path: String) -> String { String(path.dropFirst(folder.count + 1)) }

    private func check(_ segment: SegmentInfo, _ report: inout StoreReport) {
        report.segmentCount += 1
        report.rowCount += segment.rowCount
        report.byteCount += segment.byteCount
        guard StoreFile.exists(SegmentReader.place(segment.path)) else {
            report.faults.append(StoreFault(kind: .missing, path: segment.path, reason: "the file is not there"))
            return
        }
        do {
            let reader = try SegmentReader.open(segment.path)
            report.checksumCount += try reader.verify()
            let found = (reader.rowCount, reader.byteCount, reader.properties["weir.fingerprint"] ?? "")
            guard found == (segment.rowCount, segment.byteCount, segment.fingerprint) else {
                let reason = "it has \(found.0) rows in \(found.1) octets (\(found.2)), the catalogue says "
                    + "\(segment.rowCount) in \(segment.byteCount) (\(segment.fingerprint))"
                report.faults.append(StoreFault(kind: .disagrees, path: segment.path, reason: reason))
                return
            }
        } catch {
            report.faults.append(StoreFault(kind: .damaged, path: segment.path, reason: error.reason))
        }
    }
}
