// SPDX-License-Identifier: Apache-2.0
//
// One datagram under way in the defragmenter, its key, and the queue of all of them.
//
// Reads   octets of fragments.
// Writes  its own buffers, which are reused.
// Leaves  bounds on memory and time to Defragmenter.swift.

import Records
import Wire

extension Defragmenter {
    /// What fragments of one datagram have in common. IPv6's identification is its own
    /// space; IPv4's is shared by the protocols.
    struct Key: Hashable, Sendable {
        let sourceHigh: UInt64
        let sourceLow: UInt64
        let targetHigh: UInt64
        let targetLow: UInt64
        let rest: UInt64

        init(_ layer: Layer) {
            sourceHigh = layer.sourceHigh
            sourceLow = layer.sourceLow
            targetHigh = layer.targetHigh
            targetLow = layer.targetLow
            let number = layer.version == 4 ? UInt64(layer.protocolNumber) : 0
            rest = UInt64(layer.identification) | number << 32 | UInt64(layer.version) << 40
        }
    }

    /// Octets that hang together: `start ..< end`.
    struct Run: Sendable {
        var start: UInt32
        var end: UInt32
    }

    /// How new octets met old ones.
    enum Outcome {
        case new, repeated, different, tooManyRuns
    }

    /// One datagram under way.
    struct Datagram: Sendable {
        var key: Key
        var began = Timestamp.zero
        /// Payload octets by the last fragment; 0 while unknown.
        var size = 0
        /// Of the first fragment that came.
        var headerLength = 0
        /// IP header of the fragment at offset 0, fragment header left out.
        var header: [UInt8] = []
        var payload: [UInt8] = []
        /// Sorted; neither overlapping nor touching.
        var runs: [Run] = []
        /// Neighbours in the queue, -1 for none.
        var previous = -1
        var next = -1

        init(_ key: Key) { self.key = key }

        mutating func begin(_ key: Key, headerLength: Int, now: Timestamp) {
            self.key = key
            self.headerLength = headerLength
            began = now
            size = 0
            header.removeAll(keepingCapacity: true)
            payload.removeAll(keepingCapacity: true)
            runs.removeAll(keepingCapacity: true)
        }

        /// Copies the header in front of the payload. In IPv6 the number that named the fragment
        /// header becomes the number behind it. The first fragment at offset 0 counts.
        mutating func keepHeader(_ bytes: RawSpan, _ layer: Layer) {
            guard header.isEmpty else { return }
            let start = Int(layer.ipOffset)
            let isV6 = layer.version == 6
            let count = Int(layer.payloadOffset) &- start &- (isV6 ? 8 : 0)
            guard count >= (isV6 ? 40 : 20), bytes.holds(count, at: start) else { return }
            bytes.extracting(start..<start &+ count).append(to: &header)
            guard isV6 else { return }
            var place = 6
            var offset = 40
            // The decoder has walked this chain: each step goes forward by at least eight octets.
            while header[place] != IPProtocol.fragment, offset &+ 2 <= header.count {
                let units = Int(header[offset &+ 1])
                let isAuthentication = header[place] == IPProtocol.authentication
                place = offset
                offset &+= isAuthentication ? (units &+ 2) &* 4 : (units &+ 1) &* 8
            }
            header[place] = layer.protocolNumber
        }

        /// Stores `start ..< upper`, whose octets begin at `from` in `bytes`. Octets that are
        /// there already stay as they are.
        mutating func store(_ bytes: RawSpan, from: Int, start: Int, upper: Int, runsMax: Int) -> Outcome {
            let old = payload.count
            var low = 0
            while low < runs.count, Int(runs[low].end) < start { low &+= 1 }
            var high = low
            while high < runs.count, Int(runs[high].start) <= upper { high &+= 1 }
            if low == high, runs.count >= runsMax { return .tooManyRuns }
            if start == old {
                bytes.extracting(from..<from &+ (upper &- start)).append(to: &payload)
            } else if upper > old {
                payload.append(contentsOf: repeatElement(0, count: upper &- old))
            }
            var outcome = Outcome.new
            var position = start
            for index in low..<high {
                let runStart = Int(runs[index].start)
                let runEnd = Int(runs[index].end)
                if position < runStart {
                    copy(bytes, from &+ position &- start, to: position, until: min(runStart, upper))
                }
                let common = max(position, runStart)..<max(max(position, runStart), min(runEnd, upper))
                if !common.isEmpty {
                    let isSame = matches(bytes, from &+ common.lowerBound &- start, common)
                    outcome = isSame && outcome != .different ? .repeated : .different
                }
                position = max(position, runEnd)
            }
            if position < upper, start != old {
                copy(bytes, from &+ position &- start, to: position, until: upper)
            }
            merge(Run(start: UInt32(start), end: UInt32(upper)), low, high)
            return outcome
        }

        private mutating func copy(_ bytes: RawSpan, _ from: Int, to start: Int, until end: Int) {
            var source = from
            for place in start..<max(start, end) {
                payload[place] = bytes.octet(source)
                source &+= 1
            }
        }

        private func matches(_ bytes: RawSpan, _ from: Int, _ range: Range<Int>) -> Bool {
            for place in range where payload[place] != bytes.octet(from &+ place &- range.lowerBound) {
                return false
            }
            return true
        }

        /// Puts one run in place of those from `low` up to `high`, which touch it.
        private mutating func merge(_ run: Run, _ low: Int, _ high: Int) {
            guard low < high else {
                runs.insert(run, at: low)
                return
            }
            runs[low].start = min(runs[low].start, run.start)
            runs[low].end = max(runs[high &- 1].end, run.end)
            if high &- low > 1 { runs.removeSubrange(low &+ 1..<high) }
        }
    }

    /// A doubly linked queue through the slots.
    struct SlotQueue: Sendable {
        private var head = -1
        private var tail = -1

        var first: Int? { head >= 0 ? head : nil }

        /// The oldest slot that is not `slot`.
        func first(except slot: Int, _ slots: [Datagram]) -> Int? {
            guard head == slot else { return first }
            let next = slots[slot].next
            return next >= 0 ? next : nil
        }

        mutating func append(_ slot: Int, _ slots: inout [Datagram]) {
            slots[slot].previous = tail
            slots[slot].next = -1
            if tail >= 0 { slots[tail].next = slot } else { head = slot }
            tail = slot
        }

        mutating func remove(_ slot: Int, _ slots: inout [Datagram]) {
            let previous = slots[slot].previous
            let next = slots[slot].next
            if previous >= 0 { slots[previous].next = next } else { head = next }
            if next >= 0 { slots[next].previous = previous } else { tail = previous }
        }
    }
}
