// SPDX-License-Identifier: Apache-2.0
//
// Rules by the ports, or the size, of the packets that they look at.
//
// Reads   headers of rules.
// Writes  nothing: made once, then shared by all workers.
// Leaves  the rest of a rule (the engine).

/// Numbers by port: one look at a table for each packet.
struct PortTable: Sendable {
    private var lists: [[UInt32]] = [[]]
    /// By port, the place of its list; empty as long as there is none.
    private var places: [UInt16] = []

    mutating func add(_ number: UInt32, _ ports: [UInt16]) {
        if places.isEmpty { places = [UInt16](repeating: 0, count: 65_536) }
        for port in ports {
            let place = Int(places[Int(port)])
            if place > 0 {
                lists[place].append(number)
            } else if lists.count <= Int(UInt16.max) {
                places[Int(port)] = UInt16(lists.count)
                lists.append([number])
            } else {
                // All 65,536 ports have lists of their own: the first list stands for the last port too.
                lists[0].append(number)
            }
        }
    }

    @inline(__always)
    func forEach(_ port: UInt16, _ body: (UInt32) -> Void) {
        guard !places.isEmpty else { return }
        for number in lists[Int(places[Int(port)])] { body(number) }
    }
}

/// Rules by the ports of a packet, or by its size.
struct PortIndex: Sendable {
    private var wide: [UInt32] = []
    private var byTarget = PortTable()
    private var bySource = PortTable()
    private var bySize = PortTable()
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
        if let ports = PortIndex.few(set.portSets[Int(rule.header.targetPorts)]) {
            byTarget.add(number, ports)
        } else if let ports = PortIndex.few(set.portSets[Int(rule.header.sourcePorts)]) {
            bySource.add(number, ports)
        } else if let size = PortIndex.size(rule, set) {
            bySize.add(number, [size])
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

    func forEach(source: UInt16, target: UInt16, size: Int, _ body: (UInt32) -> Void) {
        for number in wide { body(number) }
        byTarget.forEach(target, body)
        bySource.forEach(source, body)
        bySize.forEach(UInt16(truncatingIfNeeded: size), body)
    }
}
