// SPDX-License-Identifier: Apache-2.0
//
// From packets to datagrams: decoding, fragments, tunnels, placement.
//
// Reads   the packets of a block.
// Writes  the block's datagrams, each with its worker; notes of damaged packets.
// Leaves  transport headers and connections (Flows).

import Capture
import Flows
import Protocols
import Records
import Wire

/// One a reader: the replay has one for all workers, a live worker its own.
struct Ingress: ~Copyable {
    private let decoder: Decoder
    private var layers = Layers()
    private var defragmenter: Defragmenter
    private var tunnels: TunnelNumbers
    private let workers: UInt64
    private(set) var networkTime = Timestamp.zero
    private(set) var packetNumber: UInt64 = 0
    private(set) var counters = SensorCounters()
    /// From when days are counted: the first packet, or where several read, the time at which all began.
    private var dayOrigin: Timestamp?
    /// Where each reassembly of the packet at work stands in the block.
    private var reassemblies: [(start: UInt32, count: UInt32)] = []
    private var outerIDs: [(number: UInt32, id: ConnectionID)] = []
    /// Placement must not be guessable, but it must not change rows either: they do not depend on it.
    private let seed = UInt64.random(in: .min ... .max)

    init(settings: borrowing Settings, workers: Int, firstTunnel: UInt32 = 1, dayOrigin: Timestamp? = nil) {
        self.dayOrigin = dayOrigin
        var decoder = Decoder()
        decoder.ignoringChecksums = settings.ignoringChecksums
        decoder.ignoringHeaderChecksums = !settings.rulePaths.isEmpty || settings.protocols.wantsEvents
        self.decoder = decoder
        self.workers = UInt64(workers)
        defragmenter = Defragmenter()
        tunnels = TunnelNumbers(first: firstTunnel)
    }

    /// Decodes every packet of `block.packets`.
    mutating func decode(_ block: WorkBlock) {
        block.clear()
        block.firstPacket = packetNumber &+ 1
        let packets = block.packets
        let captured = packets.packets
        for index in captured.indices {
            let packet = captured[index]
            packetNumber &+= 1
            counters.packets &+= 1
            counters.bytes &+= UInt64(packet.wireLength)
            let time = Timestamp(nanoseconds: packet.timestampNanoseconds)
            if time > networkTime { networkTime = time }
            if dayOrigin == nil { dayOrigin = time }
            block.networkTimes.append(networkTime)
            packets.withBytes(of: packet) { bytes in
                decode(bytes, packet, at: index, time, into: block)
            }
        }
        block.dayOrigin = dayOrigin
        counters.fragmentsRefused = defragmenter.evictedCount
        counters.limits.met(.tunnels, tunnels.takeForgotten())
    }

    private mutating func decode(
        _ bytes: RawSpan, _ packet: CapturePacket, at index: Int, _ time: Timestamp, into block: WorkBlock
    ) {
        decoder.decode(bytes, linkType: packet.linkType, wireLength: Int(packet.wireLength), into: &layers)
        if !reassemblies.isEmpty { reassemblies.removeAll(keepingCapacity: true) }
        while case .fragment = layers.stop, layers.count > 0 {
            guard reassemble(bytes, time, into: block) else { break }
        }
        count()
        // A frame within a datagram that came in fragments stands elsewhere than in this packet.
        if case .notIP = layers.stop, reassemblies.isEmpty, LinkReaders.read(layers.frame) {
            block.frames.append((UInt32(truncatingIfNeeded: index), layers.frame))
        }
        if !layers.findings.isEmpty { report(time, into: block) }
        place(bytes, index, into: block)
    }

    /// Gives the last layer to the defragmenter; true where that made a datagram, whose layers follow.
    private mutating func reassemble(_ bytes: RawSpan, _ time: Timestamp, into block: WorkBlock) -> Bool {
        let layer = layers[layers.count - 1]
        let result: DefragmenterResult
        if let place = reassemblies.last {
            // A fragment inside a datagram that was itself in fragments.
            let earlier = Array(block.reassembled[Int(place.start) ..< Int(place.start) + Int(place.count)])
            result = defragmenter.add(earlier.octets, layer, now: networkTime, findings: &layers)
        } else {
            result = defragmenter.add(bytes, layer, now: networkTime, findings: &layers)
        }
        guard case .complete = result else { return false }
        let datagram = defragmenter.takeDatagram()
        reassemblies.append(
            (UInt32(truncatingIfNeeded: block.reassembled.count), UInt32(truncatingIfNeeded: datagram.count)))
        block.reassembled.append(contentsOf: datagram)
        decoder.decodeIP(datagram.octets, continuing: layer, into: &layers)
        defragmenter.recycle(datagram)
        return true
    }

    private mutating func count() {
        switch layers.stop {
        case .notIP: counters.notIP &+= 1
        case .damaged, .dropped: counters.anomalous &+= 1
        default: break
        }
    }

    /// Makes a datagram of each layer that belongs to a connection.
    private mutating func place(_ bytes: RawSpan, _ packet: Int, into block: WorkBlock) {
        var number: UInt8 = 0
        // A tunnel may carry nothing, such as a bubble of Teredo.
        let hasTunnel = layers.count > 1 || layers.count == 1 && layers[0].tunnelVerdict == .decapsulated
        if hasTunnel { outerIDs.removeAll(keepingCapacity: true) }
        for index in 0..<layers.count {
            let layer = layers[index]
            if hasTunnel { nameTunnel(layer, bytes, block) }
            guard layer.makesConnection else { continue }
            var datagram = Datagram(
                layer: layer, packet: UInt32(truncatingIfNeeded: packet), index: number,
                worker: workers == 1 || isShared(layer, bytes, block)
                    ? 0 : UInt8(truncatingIfNeeded: layer.pairHash(seed) % workers))
            if layer.isReassembled, Int(layer.reassemblies) <= reassemblies.count {
                (datagram.reassembledStart, datagram.reassembledCount) = reassemblies[Int(layer.reassemblies) - 1]
            }
            if !layers.findings.isEmpty { datagram.anomaly = carrierAnomaly(layer) }
            if hasTunnel {
                let carries = layer.tunnel.isConnection && layer.tunnelVerdict == .decapsulated
                datagram.carries = carries ? outerIDs[index].number : 0
                surround(&datagram, index, block)
            }
            number &+= 1
            block.datagrams.append(datagram)
        }
    }

    /// What is wrong with the tunnel's header in a UDP datagram.
    private func carrierAnomaly(_ layer: Layer) -> Anomaly? {
        guard layer.tunnel.isConnection else { return nil }
        for finding in layers.findings where finding.anomaly.isOfCarrier && finding.depth == layer.depth {
            return finding.anomaly
        }
        return nil
    }

    /// Whether a datagram must be seen by one worker together with others of its kind: a
    /// DHCP transaction goes on over several address pairs.
    private func isShared(_ layer: Layer, _ bytes: RawSpan, _ block: WorkBlock) -> Bool {
        guard layer.protocolNumber == 17, layer.capturedLength >= 4 else { return false }
        let words = ports(layer, bytes, block)
        return DHCPTable.isShared(UInt16(truncatingIfNeeded: words >> 16), UInt16(truncatingIfNeeded: words))
    }

    /// The source and target ports of a layer, in the order of the wire.
    private func ports(_ layer: Layer, _ bytes: RawSpan, _ block: WorkBlock) -> UInt32 {
        let offset = Int(layer.payloadOffset)
        if layer.reassemblies == 0 { return bytes.load(offset, as: UInt32.self) }
        guard Int(layer.reassemblies) <= reassemblies.count else { return 0 }
        let start = Int(reassemblies[Int(layer.reassemblies) - 1].start)
        let whole = block.reassembled
        return whole.octets.load(start + offset, as: UInt32.self)
    }

    /// Lists the tunnels around the datagram of a layer, the outermost first.
    private func surround(_ datagram: inout Datagram, _ index: Int, _ block: WorkBlock) {
        var outer = Int(layers[index].outer)
        guard outer < index else { return }
        datagram.tunnel = outerIDs[outer].number
        datagram.tunnelStart = UInt32(truncatingIfNeeded: block.tunnels.count)
        while outer < index, datagram.tunnelCount < 8 {
            block.tunnels.append(
                TunnelAround(number: outerIDs[outer].number, kind: layers[outer].tunnel, id: outerIDs[outer].id))
            datagram.tunnelCount &+= 1
            let next = Int(layers[outer].outer)
            guard next < outer else { break }
            outer = next
        }
        block.tunnels[Int(datagram.tunnelStart)...].reverse()
    }

    /// Finds the number of the tunnel that a layer carries.
    private mutating func nameTunnel(_ layer: Layer, _ bytes: RawSpan, _ block: WorkBlock) {
        let id = layer.identity
        guard layer.tunnel != .none else { return outerIDs.append((0, id)) }
        // The ports tell the tunnels of two hosts apart; those in UDP alone have any.
        let ports = layer.tunnel.isConnection && layer.capturedLength >= 4 ? ports(layer, bytes, block) : 0
        outerIDs.append((tunnels.number(of: layer.tunnel, id, ports: ports), id))
    }

    /// Turns what the decoder found into notes for the anomaly log.
    private mutating func report(_ time: Timestamp, into block: WorkBlock) {
        for finding in layers.findings where !finding.anomaly.isOfCarrier {
            guard let weird = finding.anomaly.weird else { continue }
            var id: ConnectionID?
            if finding.hasAddresses {
                id = ConnectionID(
                    originator: Address(high: finding.sourceHigh, low: finding.sourceLow),
                    responder: Address(high: finding.targetHigh, low: finding.targetLow),
                    originatorPort: 0, responderPort: 0, transport: .unknown, protocolNumber: 0)
            }
            block.notes.append(
                Note(
                    order: packetNumber << 1 | 1, ordinal: 0, time: time,
                    what: .packetWeird(
                        weird, id: id, source: finding.anomaly.source, detail: finding.anomaly.explanation)))
        }
    }
}

extension Layer {
    /// The datagram's addresses, with the transport and no ports.
    var identity: ConnectionID {
        ConnectionID(
            originator: Address(high: sourceHigh, low: sourceLow),
            responder: Address(high: targetHigh, low: targetLow), originatorPort: 0, responderPort: 0,
            transport: Transport(rawValue: protocolNumber) ?? .unknown, protocolNumber: protocolNumber)
    }
}

extension TunnelKind {
    /// Whether the tunnel is a connection of its own: those in UDP are, IP-in-IP and GRE
    /// (in UDP too) are known by their addresses alone.
    var isConnection: Bool { self != .none && self != .ip && self != .gre }
}

/// Numbers of tunnels, by what identifies the outer conversation.
struct TunnelNumbers {
    private struct Key: Hashable {
        var low: Address
        var high: Address
        var ports: UInt32
        var kind: UInt8
    }

    /// Tunnels remembered at once; beyond, the memory starts anew with new numbers.
    private static let tunnelsMax = 1 << 20

    private var numbers: [Key: UInt32] = [:]
    private var next: UInt32
    /// Tunnels that get another number when they are met again, since the last time.
    private var forgotten: UInt64 = 0

    init(first: UInt32) { next = first }

    mutating func takeForgotten() -> UInt64 {
        defer { forgotten = 0 }
        return forgotten
    }

    /// `ports` are those of the outer datagram in the order of the wire, 0 where it has none.
    mutating func number(of kind: TunnelKind, _ id: ConnectionID, ports: UInt32) -> UInt32 {
        let isOrdered = id.originator < id.responder
        let key = Key(
            low: isOrdered ? id.originator : id.responder, high: isOrdered ? id.responder : id.originator,
            ports: isOrdered ? ports : ports << 16 | ports >> 16, kind: kind.rawValue)
        if let known = numbers[key] { return known }
        if numbers.count >= TunnelNumbers.tunnelsMax {
            forgotten &+= UInt64(numbers.count)
            numbers.removeAll(keepingCapacity: true)
        }
        let number = next
        next &+= 1
        numbers[key] = number
        return number
    }
}
