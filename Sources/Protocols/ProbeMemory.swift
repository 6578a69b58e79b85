// SPDX-License-Identifier: Apache-2.0
//
// What a connection holds while it is not decided which protocols are on it.
//
// Reads   deliveries to the connection, and gaps.
// Writes  the same, to analyzers that start later.
// Leaves  which analyzers those are (Analysis.swift), and what probes look for (Probe.swift).

import Records
import Wire

/// The open probes of a connection, and what was delivered to it so far; one connection after the other uses the same.
///
/// All deliveries stand in one array, each behind a header: most connections have one or two before they are decided,
/// and every array more is cold memory to touch when a packet comes.
final class ProbeMemory {
    var probes = OpenProbes()
    /// Octets and deliveries so far.
    var byteCount = 0
    var deliveryCount = 0
    private var kept: [UInt8] = []

    /// Octets of a delivery's header: one of its direction and what it is, four of its length.
    private static let headerCount = 5
    private static let gapBit: UInt8 = 2

    /// For the next connection.
    func clear() {
        (byteCount, deliveryCount) = (0, 0)
        if !kept.isEmpty { kept.removeAll(keepingCapacity: true) }
    }

    /// Keeps a delivery.
    func keep(_ bytes: RawSpan, from direction: Direction) {
        keepHeader(direction.rawValue, bytes.byteCount)
        bytes.append(to: &kept)
    }

    /// Keeps that so many octets were not seen.
    func keep(gap count: Int, from direction: Direction) {
        keepHeader(direction.rawValue | ProbeMemory.gapBit, count)
    }

    private func keepHeader(_ what: UInt8, _ count: Int) {
        kept.append(what)
        let count = UInt32(clamping: count)
        for octet in 0..<4 { kept.append(UInt8(truncatingIfNeeded: count >> UInt32(8 &* octet))) }
    }

    /// One delivery as it is kept: `place` is that of its octets, of which a gap has none.
    private struct Delivery {
        var direction: Direction
        var isGap: Bool
        var place: Int
        var count: Int
        var end: Int { isGap ? place : place &+ count }
    }

    private func delivery(at place: Int) -> Delivery? {
        guard place < kept.count else { return nil }
        var count: UInt32 = 0
        for octet in 1..<ProbeMemory.headerCount {
            count |= UInt32(kept[place &+ octet]) << UInt32(8 &* (octet &- 1))
        }
        return Delivery(
            direction: kept[place] & 1 == Direction.originator.rawValue ? .originator : .responder,
            isGap: kept[place] & ProbeMemory.gapBit != 0, place: place &+ ProbeMemory.headerCount, count: Int(count))
    }

    /// Appends the octets that a direction has delivered so far, one delivery behind the other.
    func append(_ direction: Direction, to octets: inout [UInt8]) {
        let kept = kept
        let all = kept.octets
        var place = 0
        while let delivery = delivery(at: place) {
            place = delivery.end
            guard !delivery.isGap, delivery.direction == direction else { continue }
            all.extracting(delivery.place ..< place).append(to: &octets)
        }
    }

    /// Feeds a starting analyzer all that came before it.
    func replay(to analyzer: Analyzer, isStream: Bool, _ context: inout AnalyzerContext) {
        let kept = kept
        let all = kept.octets
        var place = 0
        while let delivery = delivery(at: place) {
            place = delivery.end
            if delivery.isGap {
                analyzer.gap(delivery.count, from: delivery.direction, &context)
                continue
            }
            let bytes = all.extracting(delivery.place ..< place)
            if isStream {
                analyzer.stream(bytes, from: delivery.direction, &context)
            } else {
                analyzer.datagram(bytes, wireLength: delivery.count, from: delivery.direction, &context)
            }
        }
    }
}

/// Octets of both directions, side by side for the probes; one for all connections of a worker.
struct ProbedOctets {
    /// Of the direction at work.
    var own: [UInt8] = []
    var others: [UInt8] = []

    /// Takes what a connection has delivered before; `direction` is the one at work.
    mutating func gather(from memory: ProbeMemory, _ direction: Direction) {
        own.removeAll(keepingCapacity: true)
        others.removeAll(keepingCapacity: true)
        memory.append(direction, to: &own)
        memory.append(direction.opposite, to: &others)
    }
}
