// SPDX-License-Identifier: Apache-2.0
//
// Small lists that stand inside of a connection's analysis: which analyzers run, which services were named.
//
// Reads   nothing by itself.
// Writes  nothing by itself.
// Leaves  what the members do (Analysis.swift).
//
// Connections are many and their memory is cold when a packet comes: most have one analyzer and one service, which are
// found here without another look into memory.

/// Analyzers in the order in which they were attached.
struct AnalyzerList {
    private var first: Analyzer?
    private var rest: [Analyzer] = []

    var isEmpty: Bool { first == nil }
    var count: Int { first == nil ? 0 : 1 &+ rest.count }

    /// The analyzer at a place, of which there are `count`.
    subscript(_ place: Int) -> Analyzer {
        guard place == 0, let first else { return rest[place &- 1] }
        return first
    }

    mutating func append(_ analyzer: Analyzer) {
        if first == nil { first = analyzer } else { rest.append(analyzer) }
    }

    /// Whether an analyzer of a kind is at work.
    func hasAttached(_ kind: AnalyzerKind) -> Bool {
        guard let first else { return false }
        return first.kind == kind && !first.isDetached || rest.contains { $0.kind == kind && !$0.isDetached }
    }

    /// The place of the first one that wants to go.
    var detachedPlace: Int? {
        guard let first else { return nil }
        if first.isDetached { return 0 }
        return rest.firstIndex(where: \.isDetached).map { $0 &+ 1 }
    }

    /// Whether a protocol was recognised that is alone on its connection.
    var isDecided: Bool {
        guard let first else { return false }
        return first.isConfirmed && first.kind.isAlone || rest.contains { $0.isConfirmed && $0.kind.isAlone }
    }

    /// Takes all out. Memory for more than one is kept.
    mutating func removeAll() {
        first = nil
        if !rest.isEmpty { rest.removeAll(keepingCapacity: true) }
    }

    /// Takes one out.
    mutating func remove(at place: Int) -> Analyzer {
        guard place == 0, let taken = first else { return rest.remove(at: place &- 1) }
        first = rest.isEmpty ? nil : rest.removeFirst()
        return taken
    }
}

/// Kinds of analyzers, each once, in order: those of a port, and those for `service` in order of confirmation. There is
/// room for eight; what a stream pretends to be beyond that is not kept.
package struct KindList: Sequence, Sendable {
    /// An octet for each: the number of its kind + 1, the first in the lowest; 0 is a free place.
    private var octets: UInt64 = 0

    package init() {}

    package var isEmpty: Bool { octets == 0 }
    package var count: Int { 8 &- octets.leadingZeroBitCount / 8 }

    package func contains(_ kind: AnalyzerKind) -> Bool {
        for other in self where other == kind { return true }
        return false
    }

    /// Appends a kind, where it is not there yet; false where there is no room for it.
    @discardableResult
    mutating func append(_ kind: AnalyzerKind) -> Bool {
        guard !contains(kind) else { return true }
        guard count < 8 else { return false }
        octets |= (UInt64(kind.rawValue) &+ 1) << UInt64(8 &* count)
        return true
    }

    mutating func remove(_ kind: AnalyzerKind) {
        var left = KindList()
        for other in self where other != kind { left.append(other) }
        self = left
    }

    package func makeIterator() -> Iterator { Iterator(octets: octets) }

    package struct Iterator: IteratorProtocol {
        fileprivate var octets: UInt64

        package mutating func next() -> AnalyzerKind? {
            guard octets != 0 else { return nil }
            let number = UInt8(truncatingIfNeeded: octets) &- 1
            octets >>= 8
            return AnalyzerKind(rawValue: number)
        }
    }
}
