// SPDX-License-Identifier: Apache-2.0
//
// Mending a store: what is damaged is put aside, what is whole stays, a lost catalogue is made anew.
//
// Reads   the catalogue, where it can be read; every segment.
// Writes  the catalogue; moves files into STORE/.damaged.
// Leaves  octets: nothing is ever deleted but what an interrupted writer left unfinished.

internal import Foundation
internal import Records

/// What a repair did.
package struct RepairReport: Sendable {
    /// The catalogue could not be read and was made anew from the segments.
    package var hasNewCatalogue = false
    /// Segments that the catalogue has now and had not, or had wrongly.
    package var adopted: [String] = []
    /// Segments whose rows are lost, with the reason.
    package var lost: [StoreFault] = []
    /// Unfinished segments that were removed.
    package var removed: [String] = []

    package var isNothing: Bool {
        !hasNewCatalogue && adopted.isEmpty && lost.isEmpty && removed.isEmpty
    }
}

package enum StoreRepair {
    static let asideName = ".damaged"

    /// Mends the store in a folder, which nobody may write meanwhile. `progress` hears of each segment.
    /// Throws `.locked`, `.missing`, `.full`, `.unwritable`.
    package static func run(
        _ folder: String, progress: ((_ done: Int, _ total: Int) -> Void)? = nil
    ) throws(StoreError) -> RepairReport {
        let folder = StoreFile.plain(folder)
        guard StoreFile.isFolder(folder) else {
            throw StoreError(
                .missing, "there is no store here", path: folder, advice: "give the folder that --store named")
        }
        let lock = try StoreLock(path: folder + "/.lock")
        defer { withExtendedLifetime(lock) {} }
        var report = RepairReport()
        let isInUse = OpenFolder.removeAbandoned(folder)
        if !isReadable(folder) {
            guard !isInUse else {
                throw StoreError(
                    .locked, "another command adds rows to this store", path: folder,
                    advice: "wait for its end, then mend")
            }
            try setCatalogueAside(folder)
            report.hasNewCatalogue = true
        }
        let catalogue = try Catalogue(folder: folder, isReadOnly: false)
        if report.hasNewCatalogue {
            try adoptAll(folder, catalogue, &report, progress)
        } else {
            try Merger.settle(folder, catalogue)
            try mend(folder, catalogue, &report, progress)
        }
        catalogue.emptyLog()
        return report
    }

    private static func isReadable(_ folder: String) -> Bool {
        guard let reader = try? StoreReader.open(folder), let lines = try? reader.integrity(), lines.isEmpty else {
            return false
        }
        return (try? reader.visibleSegments()) != nil
    }

    private static func setCatalogueAside(_ folder: String) throws(StoreError) {
        let aside = "\(folder)/\(asideName)"
        try StoreFile.makeFolder(aside)
        for suffix in ["", "-wal", "-shm"] {
            let path = "\(folder)/\(Catalogue.fileName)\(suffix)"
            guard StoreFile.exists(path) else { continue }
            try StoreFile.rename(path, to: freePath(aside, Catalogue.fileName + suffix))
        }
    }

    /// A path in `aside` that nothing has yet.
    private static func freePath(_ aside: String, _ name: String) -> String {
        var path = "\(aside)/\(name)"
        var number = 1
        while StoreFile.exists(path) {
            path = "\(aside)/\(name).\(number)"
            number += 1
        }
        return path
    }

    // MARK: a catalogue that can be read

    private static func mend(
        _ folder: String, _ catalogue: Catalogue, _ report: inout RepairReport,
        _ progress: ((Int, Int) -> Void)?
    ) throws(StoreError) {
        let checked = try StoreReader.open(folder).check(progress: progress)
        let segments = Dictionary(
            uniqueKeysWithValues: try catalogue.storedSegments().map { ("\(folder)/\($0.path)", $0) })
        var gone: [StoredSegment] = []
        for fault in checked.faults {
            switch fault.kind {
            case .catalogue, .unknown: break
            case .missing, .damaged:
                guard let segment = segments[fault.path] else { continue }
                gone.append(segment)
                report.lost.append(fault)
            case .disagrees:
                guard let segment = segments[fault.path], let entry = entry(folder, segment.path) else { continue }
                try catalogue.replace(
                    [segment], with: entry, source: segment.source, level: segment.level, inPlace: true)
                report.adopted.append(fault.path)
            }
        }
        try catalogue.retire(gone)
        for segment in gone { try setAside(folder, segment.path) }
        try catalogue.forgetDead(gone.map(\.path))
        report.removed += try Leftovers.remove(folder, catalogue)
    }

    private static func setAside(_ folder: String, _ path: String) throws(StoreError) {
        let source = SegmentReader.place("\(folder)/\(path)")
        guard StoreFile.exists(source) else { return }
        let aside = "\(folder)/\(asideName)"
        try StoreFile.makeFolder(aside)
        try StoreFile.rename(source, to: freePath(aside, path.replacing("/", with: "_")))
    }

    // MARK: a catalogue made anew

    private static func adoptAll(
        _ folder: String, _ catalogue: Catalogue, _ report: inout RepairReport,
        _ progress: ((Int, Int) -> Void)?
    ) throws(StoreError) {
        let paths = Leftovers.segments(folder).sorted()
        var entries: [CatalogueEntry] = []
        var number = 1
        for (index, found) in paths.enumerated() {
            defer { progress?(index + 1, paths.count) }
            let path = Leftovers.finalPath(found)
            if path != found, !isWhole(found, as: path, folder) {
                // It was not finished, or was merged out of others that are still there.
                StoreFile.remove("\(folder)/\(found)")
                report.removed.append(found)
                continue
            }
            if let last = path.dropLast(".parquet".count).split(separator: "-").last.flatMap({ Int($0) }) {
                number = max(number, last + 1)
            }
            if let entry = entry(folder, path) {
                entries.append(entry)
                report.adopted.append(path)
            } else {
                report.lost.append(StoreFault(kind: .damaged, path: path, reason: "it cannot be read"))
                try setAside(folder, path)
            }
        }
        try catalogue.adopt(entries, nextNumber: number)
        for entry in entries where entry.segment.temporaryPath != "\(folder)/\(entry.path)" {
            Merger.giveName(entry.path, folder)
        }
    }

    /// Whether a hidden segment may be one that was visible and had no name yet: it is as it was flushed, in its
    /// folder, and whole.
    private static func isWhole(_ found: String, as path: String, _ folder: String) -> Bool {
        guard !StoreFile.exists("\(folder)/\(path)"), path.split(separator: "/").count == 4,
            Merger.path(path, path).split(separator: "-").count == path.split(separator: "-").count + 1
        else { return false }
        return entry(folder, path) != nil
    }

    /// What the catalogue says of a segment that stands under its name; nil where the segment is damaged.
    private static func entry(_ folder: String, _ path: String) -> CatalogueEntry? {
        let place = SegmentReader.place("\(folder)/\(path)")
        guard let reader = try? SegmentReader(path: place), (try? reader.verify()) != nil,
            let log = path.split(separator: "/").first
        else { return nil }
        let segment = FinishedSegment(
            log: String(log), temporaryPath: place, rowCount: reader.rowCount, byteCount: reader.byteCount,
            columns: reader.columns, bounds: reader.allBounds, fingerprint: reader.properties["weir.fingerprint"] ?? "")
        return CatalogueEntry(segment: segment, path: path)
    }
}
