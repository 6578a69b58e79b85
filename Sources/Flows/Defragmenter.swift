// SPDX-License-Identifier: Apache-2.0
//
// Reassembly of IP fragments (RFC 791 section 3.2, RFC 8200 section 4.5).
//
// Reads   layers that are fragments, wholly captured, and the bytes around them.
// Writes  one datagram at a time: the IP header of the fragment at offset 0, with its
//         length corrected and its fragment fields gone, then the payload.
// Leaves  decoding of the datagram to `Decoder.decodeIP`, the clock to the caller.
//
// Where fragments overlap, the octets that came first stay, whatever comes later, and the
// overlap is reported. Everything is bounded; what is given up is counted.

package import Records
package import Wire

/// Bounds of the defragmenter.
package struct DefragmenterSettings: Sendable {
    /// Datagrams under way.
    package var datagramsMax = 2048
    /// Octets of payload held for them, holes included.
    package var bytesMax = 8 << 20
    /// Separate runs of octets in one datagram: a hostile sender could make one of every eight octets.
    package var runsMax = 256
    /// Nanoseconds of packet time from the first fragment until a datagram is given up.
    package var timeout: Int64 = 300 * second

    package init() {}
}

/// What became of a fragment.
package enum DefragmenterResult: Sendable {
    /// Others are missing.
    case pending
    /// The datagram is whole: take it with `takeDatagram`.
    case complete
    /// Not kept: it lies about its size, or there is no room.
    case refused
}

/// Collects fragments into datagrams.
package struct Defragmenter: Sendable {
    private let settings: DefragmenterSettings
    private var table: [Key: Int] = [:]
    private var slots: [Datagram] = []
    private var freeSlots: [Int] = []
    /// Slots in the order in which their datagrams began: the oldest is the first to go.
    private var order = SlotQueue()
    private var spareBuffers: [[UInt8]] = []
    private var output: [UInt8] = []
    private var spareOutputs: [[UInt8]] = []

    /// Octets held now, holes included.
    package private(set) var bytesHeld = 0
    package var datagramsHeld: Int { table.count }
    /// Datagrams given up because time ran out, and because there was no room.
    package private(set) var expiredCount: UInt64 = 0
    package private(set) var evictedCount: UInt64 = 0
    package private(set) var completedCount: UInt64 = 0

    /// Above these sizes Zeek calls a fragment too small or too large.
    private static let smallest = 64
    private static let largest = 64_000
    /// Buffers kept for reuse; each has at most 64 KiB.
    private static let spareMax = 16

    package init(settings: DefragmenterSettings = DefragmenterSettings()) {
        self.settings = settings
    }

    /// Adds one fragment. What is odd about it goes to `layers` as findings.
    package mutating func add(
        _ bytes: RawSpan, _ layer: Layer, now: Timestamp, findings layers: inout Layers
    ) -> DefragmenterResult {
        expire(now)
        let start = Int(layer.fragmentOffset)
        let count = Int(layer.payloadLength)
        let upper = start &+ count
        guard layer.isFragment, layer.capturedLength == layer.payloadLength, count > 0,
            bytes.holds(count, at: Int(layer.payloadOffset))
        else { return .refused }
        let key = Key(layer)
        let known = table[key]
        let headerLength = Defragmenter.headerLength(layer)
        if let known, slots[known].headerLength != headerLength {
            layers.note(Finding(.fragment_protocol_inconsistency, in: layer))
        }
        if layer.forbidsFragments { layers.note(Finding(.fragment_with_DF, in: layer)) }
        if layer.hasMoreFragments, Int(layer.totalLength) < Defragmenter.smallest {
            layers.note(Finding(.excessively_small_fragment, in: layer))
        }
        if upper > Defragmenter.largest { layers.note(Finding(.excessively_large_fragment, in: layer)) }
        // No length field can name such a datagram.
        guard upper &+ headerLength <= 65_535 else { return .refused }
        let slot = known ?? begin(key, headerLength: headerLength, now: now)
        guard makeRoom(for: upper, in: slot) else { return .refused }
        setSize(upper, layer, slot, &layers)
        guard store(bytes, layer, start: start, upper: upper, slot, &layers) else {
            return .refused
        }
        if start == 0 { slots[slot].keepHeader(bytes, layer) }
        guard isComplete(slot, layer, &layers) else { return .pending }
        assemble(slot)
        release(slot)
        completedCount &+= 1
        return .complete
    }

    /// Moves out the datagram of the last `.complete`. Give the buffer back with `recycle`.
    package mutating func takeDatagram() -> [UInt8] {
        var taken = spareOutputs.popLast() ?? []
        swap(&taken, &output)
        return taken
    }

    /// Takes a buffer back for reuse.
    package mutating func recycle(_ buffer: consuming [UInt8]) {
        guard spareOutputs.count < 4 else { return }
        buffer.removeAll(keepingCapacity: true)
        spareOutputs.append(buffer)
    }

    /// Gives up what is older than the time-out.
    package mutating func expire(_ now: Timestamp) {
        while let oldest = order.first {
            guard now.since(slots[oldest].began) >= settings.timeout else { return }
            expiredCount &+= 1
            release(oldest)
        }
    }

    // MARK: - Slots

    private mutating func begin(_ key: Key, headerLength: Int, now: Timestamp) -> Int {
        if table.count >= settings.datagramsMax, let oldest = order.first {
            evictedCount &+= 1
            release(oldest)
        }
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = slots.count
            slots.append(Datagram(key))
        }
        slots[slot].begin(key, headerLength: headerLength, now: now)
        if let spare = spareBuffers.popLast() { slots[slot].payload = spare }
        table[key] = slot
        order.append(slot, &slots)
        return slot
    }

    private mutating func release(_ slot: Int) {
        table[slots[slot].key] = nil
        order.remove(slot, &slots)
        bytesHeld &-= slots[slot].payload.count
        var buffer: [UInt8] = []
        swap(&buffer, &slots[slot].payload)
        if spareBuffers.count < Defragmenter.spareMax {
            buffer.removeAll(keepingCapacity: true)
            spareBuffers.append(buffer)
        }
        freeSlots.append(slot)
    }

    /// Gives up the oldest others until the payload can grow to `upper`.
    private mutating func makeRoom(for upper: Int, in slot: Int) -> Bool {
        let growth = max(0, upper &- slots[slot].payload.count)
        while bytesHeld &+ growth > settings.bytesMax {
            guard let oldest = order.first(except: slot, slots) else {
                evictedCount &+= 1
                release(slot)
                return false
            }
            evictedCount &+= 1
            release(oldest)
        }
        return true
    }

    // MARK: - One datagram

    /// The last fragment tells the size; fragments beyond it make it larger.
    private mutating func setSize(_ upper: Int, _ layer: Layer, _ slot: Int, _ layers: inout Layers) {
        let size = slots[slot].size
        if !layer.hasMoreFragments, size == 0 {
            slots[slot].size = upper
        } else if !layer.hasMoreFragments, upper != size {
            layers.note(Finding(.fragment_size_inconsistency, in: layer))
            slots[slot].size = max(size, upper)
        } else if size != 0, upper > size {
            layers.note(Finding(.fragment_size_inconsistency, in: layer))
            slots[slot].size = upper
        }
    }

    /// Copies what is new and compares what is not. False where there are too many runs.
    private mutating func store(
        _ bytes: RawSpan, _ layer: Layer, start: Int, upper: Int, _ slot: Int, _ layers: inout Layers
    ) -> Bool {
        let before = slots[slot].payload.count
        let outcome = slots[slot].store(
            bytes, from: Int(layer.payloadOffset), start: start, upper: upper, runsMax: settings.runsMax)
        bytesHeld &+= slots[slot].payload.count &- before
        switch outcome {
        case .new: return true
        case .repeated: layers.note(Finding(.fragment_overlap, in: layer))
        case .different: layers.note(Finding(.fragment_inconsistency, in: layer))
        case .tooManyRuns:
            evictedCount &+= 1
            release(slot)
            return false
        }
        return true
    }

    private mutating func isComplete(_ slot: Int, _ layer: Layer, _ layers: inout Layers) -> Bool {
        let size = slots[slot].size
        guard size != 0, let first = slots[slot].runs.first, first.start == 0 else { return false }
        let end = Int(first.end)
        guard end >= size else { return false }
        // Octets beyond the end: fragments of two datagrams mixed, or a lie about the size.
        // What hangs together is taken.
        if end > size || slots[slot].runs.count > 1 {
            layers.note(Finding(.fragment_size_inconsistency, in: layer))
            slots[slot].size = end
        }
        return true
    }

    /// Header and payload, one behind the other, as if the datagram had never been cut.
    private mutating func assemble(_ slot: Int) {
        output.removeAll(keepingCapacity: true)
        output.append(contentsOf: slots[slot].header)
        let size = slots[slot].size
        let total = output.count &+ size
        output.append(contentsOf: slots[slot].payload[..<size])
        guard output.count >= 40 || output[0] >> 4 == 4 else { return }
        if output[0] >> 4 == 6 {
            Defragmenter.put(total &- 40, at: 4, &output)
            return
        }
        Defragmenter.put(total, at: 2, &output)
        Defragmenter.put(0, at: 6, &output)
        Defragmenter.put(0, at: 10, &output)
        let sum = output.octets.onesComplementSum(at: 0, count: slots[slot].header.count)
        Defragmenter.put(Int(~sum), at: 10, &output)
    }

    private static func put(_ value: Int, at offset: Int, _ array: inout [UInt8]) {
        array[offset] = UInt8(truncatingIfNeeded: value >> 8)
        array[offset &+ 1] = UInt8(truncatingIfNeeded: value)
    }

    /// Octets of the header that the datagram will have: without IPv6's fragment header.
    private static func headerLength(_ layer: Layer) -> Int {
        let length = Int(layer.payloadOffset) &- Int(layer.ipOffset)
        return layer.version == 6 ? length &- 8 : length
    }
}
