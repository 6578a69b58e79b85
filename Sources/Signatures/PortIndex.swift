// SPDX-License-Identifier: Apache-2.0
//
// Rules by the ports, or the size, of the packets that they look at.
//
// Reads   headers of rules.
// Writes  nothing: made once, then shared by all workers.
// Leaves  the rest of a rule (the engine).

/// Numbers by port. Most ports are no rule's, and the look at them touches a quarter of a kilobyte.
struct PortTable: Sendable {
    private var lists: [[UInt32]] = [[]]
    /// By the higher octet of a port, its page; the first page is empty.
    private var pages = [UInt16](repeating: 0, count: 256)
    /// By page and the lower octet, the place of the port's list.
    private var places = [UInt16](repeating: 0, count: 256)
    private var isEmpty = true

    mutating func add(_ number: UInt32, _ ports: [UInt16]) {
        isEmpty = isEmpty && ports.isEmpty
        for port in ports {
            let high = Int(port >> 8)
            if pages[high] == 0 {
                pages[high] = UInt16(places.count / 256)
                places.append(contentsOf: repeatElement(0, count: 256))
            }
            let at = place(port)
            if places[at] > 0 {
                lists[Int(places[at])].append(number)
            } else if lists.count <= Int(UInt16.max) {
                places[at] = UInt16(lists.count)
                lists.append([number])
            } else {
                // All 65,536 ports have lists of their own: the first list stands for the last port too.
                lists[0].append(number)
            }
        }
    }

    @inline(__always)
    private func place(_ port: UInt16) -> Int { Int(pages[Int(port >> 8)]) << 8 | Int(port & 255) }

    @inline(__always)
    func forEach(_ port: UInt16, _ body: (UInt32) -> Void) {
        guard !isEmpty else { return }
        let list = places[place(port)]
        guard list > 0 || !lists[0].isEmpty else { return }
        for number in lists[Int(list)] { body(number) }
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
