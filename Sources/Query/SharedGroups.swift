// SPDX-License-Identifier: Apache-2.0
//
// Many groups of all workers together, in parts by their keys: no group is in two.
//
// A worker's rows wait, sorted by part, until a part's table is worth fetching into the cache; then all of them that
// wait for one part go into it while others work on other parts. So each group is made once, whoever meets it.
//
// Reads   rows that wait, and groups that a worker made before they were many.
// Writes  groups with their aggregates.
// Leaves  what is not of one size for a group (`AggregationPlan.mayWait`): those are merged (Aggregation+Merging).

import Records
import Store
import Synchronization

/// A worker's numbers of texts as the numbers that all share; nothing where it is the only one.
struct SharedTexts: Sendable {
    fileprivate var map: [UInt32] = []
}

final class SharedGroups: Sendable {
    private final class Part: Sendable {
        let groups: Mutex<GroupPart>
        init(_ plan: AggregationPlan) { groups = Mutex(GroupPart(plan)) }
    }

    private let plan: AggregationPlan
    private let workers: Int
    private let parts: [Part]
    private let coder = Mutex(TextCoder())
    private let groupsMade = Atomic(0)
    private let hasGroups = Atomic(false)

    /// A million groups make tables of some hundred kilobytes each.
    static let partCount = 256

    init(_ plan: AggregationPlan, workers: Int) {
        self.plan = plan
        self.workers = workers
        parts = plan.mayWait ? (0..<SharedGroups.partCount).map { _ in Part(plan) } : []
    }

    /// Whether a worker met many groups: then those of all are here at the end.
    var isUsed: Bool { hasGroups.load(ordering: .acquiring) }
    var groupCount: Int { groupsMade.load(ordering: .relaxed) }

    // MARK: from a worker

    /// Adds what waits, and leaves nothing waiting. `own` are the worker's texts.
    func add(
        _ rows: inout WaitingRows, _ own: KeyTexts, _ shared: inout SharedTexts, worker: Int
    ) throws(VectorFailure) {
        try withTexts(own, &shared) { (map, texts) throws(VectorFailure) in
            for number in order(worker) { try add(rows.take(number), to: number, map, texts) }
        }
    }

    private func add(
        _ rows: WaitingRows.Part, to number: Int, _ map: [UInt32]?, _ texts: KeyTexts
    ) throws(VectorFailure) {
        guard !rows.keys.isEmpty else { return }
        var rows = rows
        if let map { translate(&rows.keys, &rows.values, map) }
        try change(number) { (part) throws(VectorFailure) in
            var groupOfRow: [UInt32] = []
            part.find(rows.keys, into: &groupOfRow)
            part.extend(plan)
            for index in plan.aggregates.indices {
                try part.add(rows.values[index], to: index, plan, groupOfRow, texts)
            }
        }
    }

    /// Adds groups.
    func add(
        _ groups: Aggregation, _ shared: inout SharedTexts, worker: Int
    ) throws(VectorFailure) {
        try withTexts(groups.texts, &shared) { (map, texts) throws(VectorFailure) in
            let moved = groups.moved(to: parts.count, map)
            for number in order(worker) where !moved[number].isEmpty {
                try change(number) { (part) throws(VectorFailure) in
                    try part.merge(groups.parts, moved[number], plan, map, texts)
                }
            }
        }
    }

    /// Adds what waits at several workers when all are done: part by part, so that none of them has more to do.
    fileprivate func add(_ last: [LastRows]) throws(VectorFailure) {
        var texts = KeyTexts()
        if plan.comparesTexts { texts = workers == 1 ? last.first?.texts ?? texts : coder.withLock(\.texts) }
        let outcomes = ScanCores.map(parts.count) { [texts] number in
            Result { () throws(VectorFailure) in
                for rows in last { try add(rows.take(number), to: number, rows.map, texts) }
            }
        }
        for outcome in outcomes { try outcome.get() }
    }

    /// What waits at a worker that is done.
    fileprivate func last(
        _ rows: inout WaitingRows, _ own: KeyTexts, _ shared: inout SharedTexts
    ) throws(VectorFailure) -> LastRows {
        var known: [UInt32]?
        if workers > 1 { known = try numbers(of: own, &shared) }
        return LastRows((0..<parts.count).map { rows.take($0) }, known, own)
    }

    /// All groups, when no worker has any left. `coder` is the only worker's where there is but one.
    func taken(_ own: TextCoder) -> Aggregation {
        let parts = parts.map { part in
            part.groups.withLock { groups in
                let taken = groups
                groups = GroupPart(plan)
                return taken
            }
        }
        return Aggregation(plan, parts, workers == 1 ? own : coder.withLock { $0 })
    }

    // MARK: parts

    /// Each worker begins with another part, so that they do not wait for each other.
    private func order(_ worker: Int) -> [Int] {
        let first = worker % workers * parts.count / workers
        return Array(first..<parts.count) + Array(0..<first)
    }

    private func change(
        _ number: Int, _ body: (inout GroupPart) throws(VectorFailure) -> Void
    ) throws(VectorFailure) {
        try parts[number].groups.withLock { (part) throws(VectorFailure) in
            let before = part.groups.count
            try body(&part)
            let made = groupsMade.add(part.groups.count &- before, ordering: .relaxed).newValue
            guard made <= GroupTable.countMax else { throw .notOurs }
        }
    }

    // MARK: texts

    /// Calls `body` with the shared number of each of the worker's texts, nil where they are the same, and with all
    /// texts where the aggregates compare some. These stay as they are for as long: other workers wait then.
    private func withTexts(
        _ own: KeyTexts, _ shared: inout SharedTexts,
        _ body: ([UInt32]?, KeyTexts) throws(VectorFailure) -> Void
    ) throws(VectorFailure) {
        hasGroups.store(true, ordering: .releasing)
        guard workers > 1 else { return try body(nil, own) }
        let map = try numbers(of: own, &shared)
        guard plan.comparesTexts else { return try body(map, KeyTexts()) }
        try coder.withLock { (coder) throws(VectorFailure) in try body(map, coder.texts) }
    }

    /// The shared numbers of a worker's texts.
    private func numbers(of own: KeyTexts, _ shared: inout SharedTexts) throws(VectorFailure) -> [UInt32] {
        var map: [UInt32] = []
        swap(&map, &shared.map)
        defer { shared.map = map }
        try coder.withLock { (coder) throws(VectorFailure) in
            coder.appendNumbers(of: own.pool, to: &map)
            guard coder.texts.pool.bytes.count < KeyTexts.bytesMax else { throw .notOurs }
        }
        return map
    }

    /// Gives the texts of keys and values their shared numbers.
    private func translate(_ keys: inout [UInt64], _ values: inout [RowValues], _ map: [UInt32]) {
        for change in plan.translations { change.apply(to: &keys, map) }
        for (index, aggregate) in plan.aggregates.enumerated() {
            guard case .extreme(let key, _) = aggregate.inner, key.isText else { continue }
            for row in values[index].words.indices where values[index].words[row] != TextCoder.unset {
                values[index].words[row] = UInt64(map[Int(values[index].words[row])])
            }
        }
    }
}

extension AggregationPlan {
    /// Whether an aggregate compares texts.
    fileprivate var comparesTexts: Bool {
        aggregates.contains { aggregate in
            if case .extreme(let key, _) = aggregate.inner { key.isText } else { false }
        }
    }

    /// What of keys are numbers of texts.
    var translations: [KeyTranslation] {
        let isPacked = isPacked
        return keys.indices.filter { keys[$0].isText }.map { place in
            KeyTranslation(word: isPacked ? 0 : place, width: width, shift: isPacked ? UInt64(place) &* 32 : 0)
        }
    }
}

/// A part of keys that is the number of a text.
struct KeyTranslation {
    let word: Int
    let width: Int
    let shift: UInt64

    /// Gives the texts of keys, one behind the other, their other numbers.
    func apply(to keys: inout [UInt64], _ map: [UInt32]) {
        var words = keys.mutableSpan
        let mask = ~(TextCoder.unset << shift)
        for place in stride(from: word, to: words.count, by: width) {
            // What is unset has a code too where a key is small.
            let code = words[place] >> shift & TextCoder.unset
            guard code != TextCoder.unset else { continue }
            words[place] = words[place] & mask | UInt64(map[Int(code)]) << shift
        }
    }
}

/// What waits at a worker that is done, and the shared numbers of its texts.
private final class LastRows: Sendable {
    private let parts: Mutex<[WaitingRows.Part?]>
    let map: [UInt32]?
    let texts: KeyTexts

    init(_ parts: [WaitingRows.Part], _ map: [UInt32]?, _ texts: KeyTexts) {
        self.parts = Mutex(parts)
        self.map = map
        self.texts = texts
    }

    /// Takes a part, so that it is not copied when it is changed.
    func take(_ number: Int) -> WaitingRows.Part {
        parts.withLock { parts in
            var taken: WaitingRows.Part?
            swap(&taken, &parts[number])
            return taken ?? WaitingRows.Part(values: [])
        }
    }
}

/// One worker's groups. The worker is alone with them while the scan runs.
final class GroupShare: Sendable {
    private struct State {
        var aggregation: Aggregation
        var texts = SharedTexts()
        /// Rows that may wait. At first it is another number for each worker, so that they do not come to the shared
        /// groups at once.
        var waitingMax: Int
    }
    private let state: Mutex<State>
    private let shared: SharedGroups
    private let worker: Int

    fileprivate init(_ plan: AggregationPlan, _ shared: SharedGroups, worker: Int, of workers: Int) {
        let first = Aggregation.waitingMin * (worker + 1) / workers
        state = Mutex(State(aggregation: Aggregation(plan), waitingMax: first))
        self.shared = shared
        self.worker = worker
    }

    func add(_ rows: [UInt32], _ page: PageColumns) throws(VectorFailure) {
        try state.withLock { (own) throws(VectorFailure) in
            try own.aggregation.add(rows, page)
            guard own.aggregation.isFull(own.waitingMax) else { return }
            if own.aggregation.isWaiting { own.waitingMax = max(Aggregation.waitingMin, shared.groupCount / 2) }
            try own.aggregation.give(to: shared, &own.texts, worker: worker)
        }
    }

    func add(rowCount: Int) { state.withLock { $0.aggregation.add(rowCount: rowCount) } }

    /// Takes the groups; where many are shared what waits for them is taken, and of the groups the texts alone.
    fileprivate func finished() -> Result<(groups: Aggregation, last: LastRows?), VectorFailure> {
        state.withLock { own in
            var last: LastRows?
            do throws(VectorFailure) {
                if shared.isUsed { last = try own.aggregation.last(for: shared, &own.texts, worker: worker) }
            } catch {
                return .failure(error)
            }
            let taken = own.aggregation
            // Nothing else holds them then: they are not copied when they are changed.
            own.aggregation = Aggregation(taken.plan)
            return .success((taken, last))
        }
    }
}

/// The groups of all workers.
struct GroupShares: Sendable {
    private let shares: [GroupShare]
    private let shared: SharedGroups

    init(_ plan: AggregationPlan, workers: Int) {
        let shared = SharedGroups(plan, workers: workers)
        self.shared = shared
        shares = (0..<workers).map { GroupShare(plan, shared, worker: $0, of: workers) }
    }

    subscript(_ worker: Int) -> GroupShare { shares[worker] }

    /// Puts them together.
    func merged() throws(VectorFailure) -> Aggregation {
        var finished: [Aggregation] = []
        var last: [LastRows] = []
        for outcome in ScanCores.map(shares.count, { shares[$0].finished() }) {
            let own = try outcome.get()
            finished.append(own.groups)
            if let rows = own.last { last.append(rows) }
        }
        guard shared.isUsed else { return try Aggregation.merged(finished) }
        try shared.add(last)
        return shared.taken(finished[0].coder)
    }
}

extension Aggregation {
    /// What is left of it when all its rows have come: groups that it has go to those of all workers.
    fileprivate mutating func last(
        for shared: SharedGroups, _ texts: inout SharedTexts, worker: Int
    ) throws(VectorFailure) -> LastRows? {
        guard var rows = takeWaiting() else {
            try shared.add(self, &texts, worker: worker)
            return nil
        }
        return try shared.last(&rows, coder.texts, &texts)
    }
}
