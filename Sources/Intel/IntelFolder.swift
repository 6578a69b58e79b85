// SPDX-License-Identifier: Apache-2.0
//
// The indicators that a store keeps: one file for each feed, in the folder `intel` of the store.
//
// Reads   and writes these files, each whole or not at all.
// Leaves  reading feeds (FeedReader.swift), matching (IndicatorMatcher.swift, RetroHunt.swift).

import Foundation
package import Records

/// One feed of a store, as a list shows it.
package struct FeedStatus: Sendable, Equatable {
    package var name: String
    package var imported: Timestamp
    package var count: Int
    package var expiredCount: Int
    package var byteCount: Int
    /// By kind, the greatest number first.
    package var kinds: [(name: String, count: Int)]

    package static func == (left: FeedStatus, right: FeedStatus) -> Bool {
        left.name == right.name && left.imported == right.imported && left.count == right.count
    }
}

/// The feeds of one store.
package struct IntelFolder: Sendable {
    package let path: String

    private static let ending = ".indicators"
    private static let fileBytesMax = 2 << 30

    /// - Parameter store: the store's folder.
    package init(store: String) {
        path = (store.count > 1 && store.hasSuffix("/") ? String(store.dropLast()) : store) + "/intel"
    }

    /// Names of the feeds, in order.
    package func names() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { $0.hasSuffix(IntelFolder.ending) && !$0.hasPrefix(".") }
            .map { String($0.dropLast(IntelFolder.ending.count)) }.sorted()
    }

    /// Reads the indicators of one feed.
    package func set(_ name: String) throws(IntelError) -> IndicatorSet {
        let file = try file(name)
        guard FileManager.default.fileExists(atPath: file) else {
            let known = names().isEmpty ? "there is none yet" : "there are \(names().joined(separator: ", "))"
            throw IntelError(.unknown, "there is no feed “\(name)”", path: path, advice: known)
        }
        guard let set = IndicatorSet(decoding: try FeedFile.read(file, bytesMax: IntelFolder.fileBytesMax)) else {
            throw IntelError(
                .cut, "the file is damaged, or of a later weir", path: file, advice: "import the feed again")
        }
        return set
    }

    /// Reads all feeds. What cannot be read is told, and the others are there.
    package func sets(_ tell: (String) -> Void = { _ in }) -> [IndicatorSet] {
        var sets: [IndicatorSet] = []
        for name in names() {
            do { try sets.append(set(name)) } catch { tell(error.description) }
        }
        return sets
    }

    /// Reads all feeds, or throws why one cannot be read.
    package func allSets() throws(IntelError) -> [IndicatorSet] {
        var sets: [IndicatorSet] = []
        for name in names() { sets.append(try set(name)) }
        return sets
    }

    /// Puts a feed in the place of what it was before. What was known then stays known since then.
    package func replace(_ set: IndicatorSet) throws(IntelError) {
        var set = set
        if FileManager.default.fileExists(atPath: try file(set.name)), let old = try? self.set(set.name) {
            let index = IndicatorIndex([old])
            var found: [IndicatorHit] = []
            for (place, row) in set.rows.enumerated() {
                index.find(row.kind, set.value(row), &found)
                if let hit = found.first { set.setAdded(place, index.row(hit).added) }
                found.removeAll(keepingCapacity: true)
            }
        }
        let target = try file(set.name)
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try Data(set.encode()).write(to: URL(filePath: target), options: .atomic)
        } catch {
            throw IntelError(
                .unreadable, "the indicators cannot be written", path: target,
                advice: "see that there is room, and that this user may write the store's folder")
        }
    }

    package func remove(_ name: String) throws(IntelError) {
        let file = try file(name)
        guard FileManager.default.fileExists(atPath: file) else { _ = try set(name); return }
        do { try FileManager.default.removeItem(atPath: file) } catch {
            throw IntelError(.unreadable, "the feed cannot be removed", path: file, advice: "check its permissions")
        }
    }

    /// What each feed holds.
    package func status(now: Timestamp, _ tell: (String) -> Void) -> [FeedStatus] {
        let seconds = IndicatorSet.seconds(now)
        return sets(tell).map { set in
            var counts: [IndicatorKind: Int] = [:]
            var expired = 0
            for row in set.rows {
                counts[row.kind, default: 0] += 1
                if row.expires != 0, row.expires < seconds { expired += 1 }
            }
            let bytes =
                (try? FileManager.default.attributesOfItem(atPath: (try? file(set.name)) ?? ""))?[.size] as? NSNumber
            return FeedStatus(
                name: set.name, imported: set.imported, count: set.count, expiredCount: expired,
                byteCount: bytes?.intValue ?? 0,
                kinds: counts.sorted { ($1.value, $0.key.name) < ($0.value, $1.key.name) }.map {
                    ($0.key.name, $0.value)
                })
        }
    }

    private func file(_ name: String) throws(IntelError) -> String {
        guard IntelFolder.isName(name) else {
            throw IntelError(
                .value, "“\(name)” cannot be the name of a feed", path: path,
                advice: "use letters, digits, dot, dash and underscore, 64 at most")
        }
        return "\(path)/\(name)\(IntelFolder.ending)"
    }

    static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 64 && name.first != "."
            && name.utf8.allSatisfy { octet in
                octet == 0x2D || octet == 0x2E || octet == 0x5F || (0x30...0x39).contains(octet)
                    || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
            }
    }

    /// A name for the feed in a file: what of the file's name can be one.
    package static func name(of path: String) -> String {
        let last = path.split(separator: "/").last.map(String.init) ?? "feed"
        let stem = last.firstIndex(of: ".").map { $0 > last.startIndex ? String(last[..<$0]) : last } ?? last
        let plain = stem.unicodeScalars.map { scalar -> String in
            let text = String(scalar)
            return isName("a" + text) ? text : "-"
        }.joined()
        return isName(plain) ? plain : "feed"
    }
}
