// SPDX-License-Identifier: Apache-2.0
//
// The stream of each TCP direction in order.
//
// Reads   payload of segments, and acknowledgements of the other end.
// Writes  `.stream` for octets of the packet at work, `.held` for those that came
//         early, `.gap` for those that never came.
// Leaves  octets in order uncopied: only what is above a hole is copied.
//
// Where segments overlap, the octets that came first win, and a difference is
// reported as `rexmit_inconsistency`: with all held octets, and with the first 64
// octets of the two newest stretches that were delivered.

import Records
import Wire

/// A stretch of octets above a hole.
struct HeldBlock: Sendable {
    static let none = UInt32.max

    /// Relative sequence number of the first octet.
    var sequence: UInt64 = 0
    var count: UInt32 = 0
    var previous = HeldBlock.none
    var next = HeldBlock.none
    /// The octets; none where the direction is only counted.
    var bytes: [UInt8] = []

    var end: UInt64 { sequence &+ UInt64(count) }
}

/// The blocks of one table: used ones in lists, free ones in a stack with their memory.
struct HeldPool: Sendable {
    var blocks: [HeldBlock] = []
    private var free: [UInt32] = []
    /// Blocks that were delivered and are read until the events are cleared.
    private var leaving: [UInt32] = []
    /// Octets in use.
    private(set) var byteCount = 0
    private(set) var blockCount = 0
    /// Octets in use, with what a block costs beside them: a peer may send its octets one by one.
    var memoryByteCount: Int { byteCount &+ blockCount &* HeldPool.blockByteCount }

    /// Octets of a block without any, and of the memory that holds its octets.
    static let blockByteCount = 96
    /// A block larger than this gives its memory back: offloaded segments are rare.
    static let keptBytesMax = 4096

    mutating func take(sequence: UInt64, count: Int, from bytes: RawSpan, at offset: Int, copying: Bool) -> UInt32 {
        let index: UInt32
        if let last = free.popLast() {
            index = last
        } else {
            index = UInt32(truncatingIfNeeded: blocks.count)
            blocks.append(HeldBlock())
        }
        let place = Int(index)
        blocks[place].sequence = sequence
        blocks[place].count = UInt32(truncatingIfNeeded: count)
        if copying {
            bytes.extracting(offset ..< offset &+ count).append(to: &blocks[place].bytes)
            byteCount &+= count
        }
        blockCount &+= 1
        return index
    }

    mutating func release(_ index: UInt32) {
        let place = Int(index)
        byteCount &-= blocks[place].bytes.count
        blockCount &-= 1
        if blocks[place].bytes.capacity > HeldPool.keptBytesMax {
            blocks[place].bytes = []
        } else {
            blocks[place].bytes.removeAll(keepingCapacity: true)
        }
        blocks[place].previous = HeldBlock.none
        blocks[place].next = HeldBlock.none
        free.append(index)
    }

    mutating func releaseLater(_ index: UInt32) { leaving.append(index) }

    mutating func releaseLeaving() {
        guard !leaving.isEmpty else { return }
        for index in leaving { release(index) }
        leaving.removeAll(keepingCapacity: true)
    }
}

/// Hashes of the beginnings of the two newest delivered stretches.
struct Samples: BitwiseCopyable, Sendable {
    private var first = Sample()
    private var second = Sample()

    private struct Sample: BitwiseCopyable, Sendable {
        /// Low half of the relative sequence number; 0 is the SYN's place, so it stands for none.
        var sequence: UInt32 = 0
        var hash: UInt32 = 0
    }

    /// Shorter stretches are not compared: two of different lengths could not be.
    static let byteCount = 64

    static func hash(_ bytes: RawSpan, at offset: Int) -> UInt32 {
        var value: UInt64 = 0x9E37_79B9_7F4A_7C15
        for word in 0..<8 {
            let product = (bytes.load(offset &+ word &* 8, as: UInt64.self) ^ value)
                .multipliedFullWidth(by: 0xC2B2_AE3D_27D4_EB4F)
            value = product.high ^ product.low
        }
        return UInt32(truncatingIfNeeded: value ^ value >> 32)
    }

    mutating func note(_ sequence: UInt64, _ bytes: RawSpan, at offset: Int, count: Int) {
        guard count >= Samples.byteCount else { return }
        second = first
        first = Sample(sequence: UInt32(truncatingIfNeeded: sequence), hash: Samples.hash(bytes, at: offset))
    }

    /// Whether a stretch at `sequence` was delivered with other octets.
    func contradict(_ sequence: UInt64, _ bytes: RawSpan, at offset: Int, count: Int) -> Bool {
        guard count >= Samples.byteCount else { return false }
        let place = UInt32(truncatingIfNeeded: sequence)
        if first.sequence == place { return first.hash != Samples.hash(bytes, at: offset) }
        if second.sequence == place { return second.hash != Samples.hash(bytes, at: offset) }
        return false
    }
}

extension Connection {
    /// Takes the payload of a segment: `count` octets at `offset` of the packet, of relative
    /// sequence number `sequence`.
    mutating func receive(
        _ sequence: UInt64, count: Int, at offset: Int, of bytes: RawSpan, side: Int, slot: UInt32,
        _ work: inout FlowWork
    ) {
        if ends[side].isSkipping { return }
        let upper = sequence &+ UInt64(count)
        // What was acknowledged is delivered, or known to be missing: either way too late.
        let floor = max(ends[side].relativeAck, ends[side].trim)
        if sequence < ends[side].next,
            ends[side].samples.contradict(sequence, bytes, at: offset, count: count)
        {
            weird(.rexmit_inconsistency, slot, &work)
        }
        if upper <= floor { return }
        var place = Place(sequence: max(sequence, floor), upper: upper, offset: offset)
        place.offset = offset &+ Int(place.sequence &- sequence)
        if place.sequence <= ends[side].next {
            if upper <= ends[side].next { return limit(side, slot, &work) }
            place.offset &+= Int(ends[side].next &- place.sequence)
            place.sequence = ends[side].next
            if ends[side].heldHead == HeldBlock.none {
                deliver(&place, upTo: upper, bytes, side, slot, &work)
            } else {
                weave(&place, bytes, side, slot, &work)
            }
            afterDelivery(side)
            if ends[side].heldHead == HeldBlock.none, ends[side].next &- ends[side].trim < work.settings.pendingMax {
                return
            }
        } else {
            hold(place, bytes, side, slot, &work)
        }
        limit(side, slot, &work)
    }

    /// Part of a segment that is still to be placed.
    struct Place {
        var sequence: UInt64
        let upper: UInt64
        var offset: Int

        mutating func advance(to sequence: UInt64) {
            offset &+= Int(truncatingIfNeeded: sequence &- self.sequence)
            self.sequence = sequence
        }
    }

    /// Nothing of this end was acknowledged so far, yet it goes on sending: the other
    /// direction is not seen, and waiting for acknowledgements would be in vain.
    private mutating func afterDelivery(_ side: Int) {
        if ends[side].hasNothingAcknowledged, size(side == 0 ? .originator : .responder) > 16_384 {
            ends[side].trim = ends[side].next
        }
    }

    /// Delivers octets of the packet.
    private mutating func deliver(
        _ place: inout Place, upTo end: UInt64, _ bytes: RawSpan, _ side: Int, _ slot: UInt32, _ work: inout FlowWork
    ) {
        let count = Int(truncatingIfNeeded: end &- place.sequence)
        if !flags.contains(.isStopped) {
            ends[side].samples.note(place.sequence, bytes, at: place.offset, count: count)
            work.events.append(.stream(slot, work.direction(side), offset: place.offset, count: count))
        }
        place.advance(to: end)
        ends[side].next = end
    }

    /// Delivers octets of the packet that fill a hole, and the held ones that follow.
    private mutating func weave(
        _ place: inout Place, _ bytes: RawSpan, _ side: Int, _ slot: UInt32, _ work: inout FlowWork
    ) {
        while place.sequence < place.upper {
            let head = ends[side].heldHead
            guard head != HeldBlock.none else {
                deliver(&place, upTo: place.upper, bytes, side, slot, &work)
                return
            }
            let start = work.held.blocks[Int(head)].sequence
            let end = work.held.blocks[Int(head)].end
            if start >= place.upper {
                deliver(&place, upTo: place.upper, bytes, side, slot, &work)
                break
            }
            if start > place.sequence { deliver(&place, upTo: start, bytes, side, slot, &work) }
            compare(place, with: head, bytes, slot, &work)
            deliverHead(side, slot, &work)
            place.advance(to: min(end, place.upper))
        }
        deliverReady(side, slot, &work)
    }

    /// Delivers held blocks as long as they are in order.
    mutating func deliverReady(_ side: Int, _ slot: UInt32, _ work: inout FlowWork) {
        while ends[side].heldHead != HeldBlock.none,
            work.held.blocks[Int(ends[side].heldHead)].sequence <= ends[side].next
        {
            deliverHead(side, slot, &work)
        }
    }

    /// Delivers what of the first held block is above `next`.
    private mutating func deliverHead(_ side: Int, _ slot: UInt32, _ work: inout FlowWork) {
        let head = ends[side].heldHead
        let block = (work.held.blocks[Int(head)].sequence, work.held.blocks[Int(head)].end)
        let isCopied = !work.held.blocks[Int(head)].bytes.isEmpty
        unlink(head, side, &work)
        guard block.1 > ends[side].next else { return work.held.release(head) }
        let skipped = Int(truncatingIfNeeded: ends[side].next &- min(block.0, ends[side].next))
        ends[side].next = block.1
        guard isCopied, !flags.contains(.isStopped) else { return work.held.release(head) }
        let count = Int(truncatingIfNeeded: block.1 &- block.0) &- skipped
        work.events.append(.held(slot, work.direction(side), block: head, offset: skipped, count: count))
        work.held.releaseLater(head)
    }

    /// Reports where a segment and a held block have different octets in the same place.
    private mutating func compare(
        _ place: Place, with block: UInt32, _ bytes: RawSpan, _ slot: UInt32, _ work: inout FlowWork
    ) {
        let held = Int(block)
        guard !work.held.blocks[held].bytes.isEmpty else { return }
        let start = max(place.sequence, work.held.blocks[held].sequence)
        let end = min(place.upper, work.held.blocks[held].end)
        guard start < end else { return }
        let ours = Int(truncatingIfNeeded: start &- work.held.blocks[held].sequence)
        let theirs = place.offset &+ Int(truncatingIfNeeded: start &- place.sequence)
        for index in 0..<Int(truncatingIfNeeded: end &- start)
        where work.held.blocks[held].bytes[ours &+ index] != bytes.octet(theirs &+ index) {
            weird(.rexmit_inconsistency, slot, &work)
            return
        }
    }

    /// Keeps what of a segment above a hole is not held yet.
    private mutating func hold(
        _ segment: Place, _ bytes: RawSpan, _ side: Int, _ slot: UInt32, _ work: inout FlowWork
    ) {
        var place = segment
        flags.insert(.hasHeld)
        // From the end: segments above a hole mostly come in their order.
        var before = ends[side].heldTail
        while before != HeldBlock.none, work.held.blocks[Int(before)].sequence > place.sequence {
            before = work.held.blocks[Int(before)].previous
        }
        if before != HeldBlock.none, work.held.blocks[Int(before)].end > place.sequence {
            compare(place, with: before, bytes, slot, &work)
            place.advance(to: min(place.upper, work.held.blocks[Int(before)].end))
        }
        while place.sequence < place.upper {
            let after = before == HeldBlock.none ? ends[side].heldHead : work.held.blocks[Int(before)].next
            let start = after == HeldBlock.none ? place.upper : work.held.blocks[Int(after)].sequence
            let end = min(place.upper, start)
            if end > place.sequence {
                let count = Int(truncatingIfNeeded: end &- place.sequence)
                let block = work.held.take(
                    sequence: place.sequence, count: count, from: bytes, at: place.offset,
                    copying: !flags.contains(.isStopped))
                link(block, after: before, count: count, side, &work)
                place.advance(to: end)
            }
            guard after != HeldBlock.none, place.sequence < place.upper else { return }
            compare(place, with: after, bytes, slot, &work)
            place.advance(to: min(place.upper, work.held.blocks[Int(after)].end))
            before = after
        }
    }

    private mutating func link(_ block: UInt32, after: UInt32, count: Int, _ side: Int, _ work: inout FlowWork) {
        let next = after == HeldBlock.none ? ends[side].heldHead : work.held.blocks[Int(after)].next
        work.held.blocks[Int(block)].previous = after
        work.held.blocks[Int(block)].next = next
        if after == HeldBlock.none {
            ends[side].heldHead = block
        } else {
            work.held.blocks[Int(after)].next = block
        }
        if next == HeldBlock.none {
            ends[side].heldTail = block
        } else {
            work.held.blocks[Int(next)].previous = block
        }
        ends[side].heldBytes &+= UInt32(truncatingIfNeeded: count)
        ends[side].heldCount &+= 1
    }

    /// Takes the first block out of the list.
    private mutating func unlink(_ head: UInt32, _ side: Int, _ work: inout FlowWork) {
        let next = work.held.blocks[Int(head)].next
        ends[side].heldHead = next
        if next == HeldBlock.none {
            ends[side].heldTail = HeldBlock.none
        } else {
            work.held.blocks[Int(next)].previous = HeldBlock.none
        }
        ends[side].heldBytes &-= work.held.blocks[Int(head)].count
        ends[side].heldCount &-= 1
    }

    /// Forgets all held blocks of a direction.
    mutating func dropHeld(_ side: Int, _ work: inout FlowWork) {
        while ends[side].heldHead != HeldBlock.none {
            let head = ends[side].heldHead
            unlink(head, side, &work)
            work.held.release(head)
        }
    }
}

extension Connection {
    /// Gives a direction up where too much of it waits.
    private mutating func limit(_ side: Int, _ slot: UInt32, _ work: inout FlowWork) {
        let end = ends[side]
        if end.heldTail != HeldBlock.none, end.hasNothingAcknowledged,
            work.held.blocks[Int(end.heldTail)].end &- end.next > work.settings.unacknowledgedMax
        {
            weird(.above_hole_data_without_any_acks, slot, &work)
            return giveUp(side, &work.counters.reassemblyGivenUp, &work.held)
        }
        let delivered = end.next > end.trim ? end.next &- end.trim : 0
        if delivered &+ UInt64(end.heldBytes) > work.settings.pendingMax {
            weird(.excessive_data_without_further_acks, slot, &work)
            return giveUp(side, &work.counters.reassemblyGivenUp, &work.held)
        }
        let isFull = work.held.memoryByteCount > work.settings.reassemblyBytesMax
        if isFull || Int(end.heldCount) > work.settings.heldBlocksMax {
            giveUp(side, &work.counters.reassemblyRefused, &work.held)
        }
    }

    private mutating func giveUp(_ side: Int, _ counter: inout UInt64, _ held: inout HeldPool) {
        counter &+= 1
        ends[side].marks.insert(.isSkipping)
        while ends[side].heldHead != HeldBlock.none {
            let head = ends[side].heldHead
            ends[side].heldHead = held.blocks[Int(head)].next
            held.release(head)
        }
        ends[side].heldTail = HeldBlock.none
        ends[side].heldBytes = 0
        ends[side].heldCount = 0
    }

    /// The peer acknowledged everything of this end below `ack` (relative): what was not
    /// seen of it by now is a gap.
    mutating func acknowledge(_ ack: UInt64, side: Int, slot: UInt32, _ work: inout FlowWork) {
        var ack = ack
        if ends[side].finCount > 0, ack >= ends[side].finSequence { ack = ends[side].finSequence &- 1 }
        if ack <= ends[side].trim { return }
        if ack > ends[side].next { missing(upTo: ack, side, slot, &work) }
        while ends[side].heldHead != HeldBlock.none, work.held.blocks[Int(ends[side].heldHead)].end <= ack {
            let head = ends[side].heldHead
            unlink(head, side, &work)
            work.held.release(head)
        }
        deliverReady(side, slot, &work)
        ends[side].trim = ack
        checkEnd(side, slot, &work)
    }

    /// Gives up holes below `upper`, and delivers what is held between them.
    private mutating func missing(upTo upper: UInt64, _ side: Int, _ slot: UInt32, _ work: inout FlowWork) {
        // Where the beginning was not seen the first octet is a guess: a keep-alive is one
        // octet before what is next.
        if upper <= 2, isPartial { return }
        if !ends[side].isSkipping {
            while ends[side].heldHead != HeldBlock.none {
                let start = work.held.blocks[Int(ends[side].heldHead)].sequence
                if start >= upper { break }
                if start > ends[side].next { gap(upTo: start, side, slot, &work) }
                deliverReady(side, slot, &work)
            }
            if upper > ends[side].next { gap(upTo: upper, side, slot, &work) }
        }
        ends[side].next = max(ends[side].next, upper)
    }

    private mutating func gap(upTo upper: UInt64, _ side: Int, _ slot: UInt32, _ work: inout FlowWork) {
        let count = upper &- ends[side].next
        ends[side].next = upper
        ends[side].marks.insert(.hadGap)
        // In other states a gap may be no more than a number that does not fit.
        if ends[0].isClean, ends[1].isClean {
            missedBytes &+= count
            noteScaled(.gap, side: side, &work)
        }
        if !flags.contains(.isStopped) {
            work.events.append(.gap(slot, work.direction(side), count: Int(clamping: count)))
        }
    }

    /// Reports the end of a direction once its FIN or RST was seen and nothing waits.
    mutating func checkEnd(_ side: Int, _ slot: UInt32, _ work: inout FlowWork) {
        let end = ends[side]
        guard !end.marks.contains(.didEnd), end.finCount > 0 || end.state == .closed || end.state == .reset,
            !isPending(side)
        else { return }
        ends[side].marks.insert(.didEnd)
        if !flags.contains(.isStopped) { work.events.append(.endOfStream(slot, work.direction(side))) }
        guard flags.contains(.closeDeferred) else { return }
        close(side, finishes: flags.contains(.deferredFinish), slot, &work)
        flags.remove(.closeDeferred)
    }

    /// Whether octets of a direction are still to come or to be acknowledged.
    func isPending(_ side: Int) -> Bool {
        let end = ends[side]
        if end.isSkipping { return false }
        let delivered = UInt64(end.startSequence) &+ end.next
        let last = end.fullLast
        if last < delivered { return false }
        // A FIN takes an octet of sequence space, a RST none.
        if delivered != last &- 1, delivered != last { return true }
        return end.state != .reset && ends[1 &- side].hasBlocks
    }
}
