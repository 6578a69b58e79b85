// SPDX-License-Identifier: Apache-2.0
//
// What is too old, or too much: whole segments go, oldest first.
//
// Reads   the catalogue.
// Writes  the catalogue; removes files.
// Leaves  the packet ring, which has its own bound.

internal import Records

/// Bounds of a store. Nothing is removed where none is set.
package struct RetentionSettings: Sendable {
    package struct Bound: Sendable, Equatable {
        /// Rows older than this may go; nanoseconds.
        package var age: Int64?
        package var byteCount: Int?
        package init(age: Int64? = nil, byteCount: Int? = nil) {
            self.age = age
            self.byteCount = byteCount
        }
        var isNone: Bool { age == nil && byteCount == nil }
    }

    /// Of the store as a whole.
    package var all = Bound()
    /// Of single logs, by name; an age here stands in the place of the store's.
    package var logs: [String: Bound] = [:]

    package init() {}

    package var isNone: Bool { all.isNone && logs.values.allSatisfy(\.isNone) }
}

enum Retention {
    /// The segments that go. `now` is packet time: a replay of an old capture is not thrown away as it comes.
    static func surplus(
        _ segments: [StoredSegment], _ settings: RetentionSettings, now: Timestamp
    ) -> [StoredSegment] {
        // Oldest first; what has no time counts as old as its folder, which the path orders.
        let ordered = segments.sorted { left, right in
            (left.newest ?? .min, left.folder, left.id) < (right.newest ?? .min, right.folder, right.id)
        }
        var gone = Set<Int64>()
        for segment in ordered {
            guard let age = settings.logs[segment.log]?.age ?? settings.all.age, let newest = segment.newest else {
                continue
            }
            if newest < now.adding(-age).nanoseconds / 1000 { gone.insert(segment.id) }
        }
        for (log, bound) in settings.logs {
            guard let most = bound.byteCount else { continue }
            trim(ordered.filter { $0.log == log }, to: most, &gone)
        }
        if let most = settings.all.byteCount { trim(ordered, to: most, &gone) }
        return ordered.filter { gone.contains($0.id) }
    }

    private static func trim(_ segments: [StoredSegment], to most: Int, _ gone: inout Set<Int64>) {
        var bytes = segments.reduce(0) { $0 + (gone.contains($1.id) ? 0 : $1.byteCount) }
        for segment in segments where bytes > most && !gone.contains(segment.id) {
            gone.insert(segment.id)
            bytes -= segment.byteCount
        }
    }

    /// Removes what is too much; answers the segments and octets that went.
    static func apply(
        _ settings: RetentionSettings, _ folder: String, _ catalogue: Catalogue, now: Timestamp
    ) throws(StoreError) -> (segments: Int, byteCount: Int) {
        guard !settings.isNone else { return (0, 0) }
        let surplus = surplus(try catalogue.storedSegments(), settings, now: now)
        guard !surplus.isEmpty else { return (0, 0) }
        try catalogue.retire(surplus)
        for segment in surplus {
            StoreFile.remove("\(folder)/\(segment.path)")
            StoreFile.remove("\(folder)/\(Merger.hiddenPath(segment.path))")
        }
        try catalogue.forgetDead(surplus.map(\.path))
        return (surplus.count, surplus.reduce(0) { $0 + $1.byteCount })
    }
}
