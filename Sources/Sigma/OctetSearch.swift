// SPDX-License-Identifier: Apache-2.0
//
// Many texts at once in one text: Aho and Corasick's automaton.
//
// Reads   lower-case octets.
// Writes  the numbers of the texts that stand in them.
// Leaves  where they stand.

/// An automaton over classes of octets: those that no text holds share one.
struct OctetSearch: Sendable {
    private var classes = [UInt8](repeating: 0, count: 256)
    private var classCount = 1
    /// Of each state the next by class.
    private var next: [UInt32] = []
    /// Of each state the texts that end there, those of its suffixes included.
    private var ends: [[UInt32]] = []

    /// Entries of `next`, 64 MiB of them; texts that need more are not put in (`isComplete`).
    private static let entriesMax = 1 << 24
    private(set) var isComplete = true

    init(_ texts: [[UInt8]]) {
        for octet in texts.joined() where classes[Int(octet)] == 0 && classCount < 255 {
            classes[Int(octet)] = UInt8(classCount)
            classCount += 1
        }
        guard texts.reduce(1, { $0 + $1.count }) <= OctetSearch.entriesMax / classCount, classCount < 255 else {
            isComplete = false
            return
        }
        addState()
        for (number, text) in texts.enumerated() {
            var state = 0
            for octet in text {
                let place = state * classCount + Int(classes[Int(octet)])
                if next[place] == 0 {
                    next[place] = UInt32(ends.count)
                    addState()
                }
                state = Int(next[place])
            }
            ends[state].append(UInt32(number))
        }
        link()
    }

    private mutating func addState() {
        next.append(contentsOf: repeatElement(0, count: classCount))
        ends.append([])
    }

    /// Fills the gaps with where the longest suffix goes, level by level.
    private mutating func link() {
        var suffix = [Int](repeating: 0, count: ends.count)
        var queue: [Int] = []
        for other in 0..<classCount where next[other] != 0 { queue.append(Int(next[other])) }
        var head = 0
        while head < queue.count {
            let state = queue[head]
            head += 1
            ends[state] += ends[suffix[state]]
            for other in 0..<classCount {
                let place = state * classCount + other
                let fallback = next[suffix[state] * classCount + other]
                if next[place] == 0 {
                    next[place] = fallback
                } else {
                    suffix[Int(next[place])] = Int(fallback)
                    queue.append(Int(next[place]))
                }
            }
        }
    }

    /// Calls `found` for each text that stands in the octets, perhaps several times.
    func search(_ octets: [UInt8], _ range: Range<Int>, _ found: (UInt32) -> Void) {
        guard !next.isEmpty else { return }
        var state = 0
        for place in range {
            state = Int(next[state &* classCount &+ Int(classes[Int(octets[place])])])
            if !ends[state].isEmpty { for number in ends[state] { found(number) } }
        }
    }
}
