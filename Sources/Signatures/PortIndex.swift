// SPDX-License-Identifier: Apache-2.0
//
// Rules by the ports, or the size, of the packets that they look at.
//
// Reads   headers of rules.
// Writes  nothing: made once, then shared by all workers.
// Leaves  the rest of a rule (the engine).

/// Numbers by port. Most ports are no rule's, and the look at them touches a quarter of a kilobyte.
struct PortTable: ~Copyable, Sendable {
    /// By the higher octet of a port, its page; the first page is empty.
    private let pages: FixedTable<UInt16>
    /// By page and the lower octet, the place of the port's list; the first list is empty.
    private let places: FixedTable<UInt32>
    /// `starts[n] ..< starts[n + 1]` of `numbers` are list `n`.
    private let starts: FixedTable<UInt32>
    private let numbers: FixedTable<UInt32>

    init(_ lists: [UInt16: [UInt32]]) {
        var pages = [UInt16](repeating: 0, count: 256)
        var places = [UInt32](repeating: 0, count: 256)
        var starts: [UInt32] = [0, 0]
        var numbers: [UInt32] = []
        for (port, list) in lists.sorted(by: { $0.key < $1.key }) {
            let high = Int(port >> 8)
            if pages[high] == 0 {
                pages[high] = UInt16(places.count / 256)
                places.append(contentsOf: repeatElement(0, count: 256))
            }
            places[Int(pages[high]) << 8 | Int(port & 255)] = UInt32(starts.count - 1)
            numbers.append(contentsOf: list)
            starts.append(UInt32(numbers.count))
        }
        self.pages = FixedTable(pages)
        self.places = FixedTable(places)
        self.starts = FixedTable(starts)
        self.numbers = FixedTable(numbers)
    }

    @inline(__always)
    func forEach(_ port: UInt16, _ body: (UInt32) -> Void) {
        let list = Int(places[Int(pages[Int(port >> 8)]) << 8 | Int(port & 255)])
        guard list > 0 else { return }
        for place in Int(starts[list]) ..< Int(starts[list &+ 1]) { body(numbers[place]) }
    }
}

/// Rules by the ports of a packet, or by its size.
struct PortIndex: ~Copyable, Sendable {
    private let wide: FixedTable<UInt32>
    private let byTarget: PortTable
    private let bySource: PortTable
    private let bySize: PortTable
    let isEmpty: Bool

    init(_ lists: PortLists) {
        wide = FixedTable(lists.wide)
        byTarget = PortTable(lists.byTarget)
        bySource = PortTable(lists.bySource)
        bySize = PortTable(lists.bySize)
        isEmpty = lists.isEmpty
    }

    @inline(__always)
    func forEach(source: UInt16, target: UInt16, size: Int, _ body: (UInt32) -> Void) {
        guard !isEmpty else { return }
        for place in wide.indices { body(wide[place]) }
        byTarget.forEach(target, body)
        bySource.forEach(source, body)
        bySize.forEach(UInt16(truncatingIfNeeded: size), body)
    }
}

/// The same while they are collected.
struct PortLists {
    fileprivate var wide: [UInt32] = []
    fileprivate var byTarget: [UInt16: [UInt32]] = [:]
    fileprivate var bySource: [UInt16: [UInt32]] = [:]
    fileprivate var bySize: [UInt16: [UInt32]] = [:]
    private(set) var isEmpty = true
    /// A set of more ports than this is looked at for every packet.
    private static let portsMax = 64

    /// Whether packets of few ports, or of few sizes, come into question.
    static func isNarrow(_ rule: Rule, _ set: RuleSet) -> Bool {
        few(set.portSets[Int(rule.header.targetPorts)]) != nil || few(set.portSets[Int(rule.header.sourcePorts)]) != nil
            || size(rule, set) != nil
    }

    /// Adds a number that stands for `rule`.
    mutating func add(_ number: UInt32, _ rule: Rule, _ set: RuleSet) {
        isEmpty = false
        if let ports = PortLists.few(set.portSets[Int(rule.header.targetPorts)]) {
            for port in ports { byTarget[port, default: []].append(number) }
        } else if let ports = PortLists.few(set.portSets[Int(rule.header.sourcePorts)]) {
            for port in ports { bySource[port, default: []].append(number) }
        } else if let size = PortLists.size(rule, set) {
            bySize[size, default: []].append(number)
        } else {
            wide.append(number)
        }
    }

    private static func few(_ ports: PortSet) -> [UInt16]? {
        var all: [UInt16] = []
        for range in ports.ranges {
            guard Int(range.last) - Int(range.first) + all.count < portsMax else { return nil }
            all.append(contentsOf: range.first...range.last)
        }
        return all
    }

    /// The one size of a payload that the rule takes, where its `dsize` says so and it is for packets alone.
    private static func size(_ rule: Rule, _ set: RuleSet) -> UInt16? {
        guard rule.kind == .packet else { return nil }
        for case .dataSize(let test) in set.packetTests[rule.packetTests.indices]
        where test.comparison == .equal && test.first <= UInt64(UInt16.max) {
            return UInt16(test.first)
        }
        return nil
    }
}
