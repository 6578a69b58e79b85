// SPDX-License-Identifier: Apache-2.0
//
// The events `flow` and `netflow` (Suricata 8 user guide, "Event type: Flow").
//
// Reads   a flow that is over.
// Writes  one `flow`, and one `netflow` for each direction that had a packet.
// Leaves  the fields common to all events (Logs/EVEForm.swift).

import Protocols
import Records

extension EVEFlow {
    /// Decides which end is the client: the sender of the first packet, unless the stream was picked up
    /// in the middle or what it carries says otherwise.
    mutating func settle(_ final: ConnectionID, _ hasGap: (Bool, Bool), takesMidstream: Bool) {
        let isOtherWay = final.originatorPort != id.originatorPort || final.originator != id.originator
        let gapOfFirst = isOtherWay ? hasGap.1 : hasGap.0
        let gapOfSecond = isOtherWay ? hasGap.0 : hasGap.1
        sides[0].hasGap = gapOfFirst
        sides[1].hasGap = gapOfSecond
        let swaps: Bool
        switch id.transport {
        case .tcp: swaps = isMidstream && takesMidstream && isOtherWay
        case .udp: swaps = isOtherWay && (applications.now == .dns || !wasBornFlipped)
        default: swaps = false
        }
        guard swaps else { return }
        id = id.flipped
        let first = sides[0]
        sides[0] = sides[1]
        sides[1] = first
    }

    func write(_ reason: StaticString, _ record: inout EventRecord, to output: inout RecordOutput) {
        record.type = "flow"
        record.ts = last
        record.uid = uid
        record.id = id
        record.packet = packet
        record.packet.number = 0
        record.packet.source = nil
        record.packet.vlan = link.vlan
        record.packet.middleVLAN = link.middleVLAN
        record.packet.innerVLAN = link.innerVLAN
        record.parent = announcer
        record.isReversed = false
        record.transaction = nil
        let app = applications.now
        let isNamed = app != .unknown && app != .failed
        record.appProtocol = isNamed ? app.name : appOfEvents ?? (app == .unknown ? nil : app.name)
        record.icmp = id.transport == .icmp ? icmp : nil
        record.body.clear()
        members(reason, &record.body)
        output.emit(record)
        record.type = "netflow"
        for side in 0..<2 where sides[side].packets > 0 {
            record.isReversed = side == 1
            if side == 1, let answerICMP { record.icmp = answerICMP }
            record.body.clear()
            netflow(side, &record.body)
            output.emit(record)
        }
    }

    /// Whole seconds on the clock, not of the difference.
    private var age: UInt64 {
        UInt64(max(0, last.nanoseconds / second &- start.nanoseconds / second))
    }

    /// The object `flow` of an event about the flow: what it has come to so far, and its ends.
    func writeSoFar(to event: inout EVEBuilder) {
        event.open("flow")
        event.count("pkts_toserver", sides[0].packets)
        event.count("pkts_toclient", sides[1].packets)
        event.count("bytes_toserver", sides[0].bytes)
        event.count("bytes_toclient", sides[1].bytes)
        event.time("start", start)
        event.address("src_ip", id.originator)
        event.address("dest_ip", id.responder)
        if id.protocolNumber == 6 || id.protocolNumber == 17 || id.protocolNumber == 132 {
            event.count("src_port", UInt64(id.originatorPort))
            event.count("dest_port", UInt64(id.responderPort))
        }
        event.close()
    }

    private func members(_ reason: StaticString, _ event: inout EVEBuilder) {
        if id.protocolNumber == 50 { event.count("spi", UInt64(link.spi)) }
        if let answerICMP {
            event.count("response_icmp_type", UInt64(answerICMP.type))
            event.count("response_icmp_code", UInt64(answerICMP.code))
        }
        let others: [(StaticString, AppProtocol)] = [
            ("app_proto_ts", applications.toServer), ("app_proto_tc", applications.toClient),
            ("app_proto_orig", applications.before), ("app_proto_expected", applications.expected),
        ]
        for (key, other) in others where other != .unknown && other != applications.now { event.text(key, other.name) }
        event.open("flow")
        event.count("pkts_toserver", sides[0].packets)
        event.count("pkts_toclient", sides[1].packets)
        event.count("bytes_toserver", sides[0].bytes)
        event.count("bytes_toclient", sides[1].bytes)
        event.time("start", start)
        event.time("end", last)
        event.count("age", age)
        event.text("state", flowState)
        event.text("reason", reason)
        event.boolean("alerted", isAlerted)
        if isMidstream {
            event.openList("exception_policy")
            event.openItem()
            event.text("target", "stream_midstream")
            event.text("policy", "ignore")
            event.closeItem()
            event.closeList()
        }
        if transactions > 0 { event.count("tx_cnt", transactions) }
        event.close()
        if id.transport == .tcp { tcp(sides[0].tcpFlags | sides[1].tcpFlags, withSides: true, &event) }
    }

    private func netflow(_ side: Int, _ event: inout EVEBuilder) {
        if id.protocolNumber == 50 { event.count("spi", UInt64(link.spi)) }
        event.open("netflow")
        event.count("pkts", sides[side].packets)
        event.count("bytes", sides[side].bytes)
        event.time("start", start)
        event.time("end", last)
        event.count("age", age)
        event.count("min_ttl", UInt64(sides[side].ttlMin))
        event.count("max_ttl", UInt64(sides[side].ttlMax))
        if transactions > 0 { event.count("tx_cnt", transactions) }
        event.close()
        if id.transport == .tcp { tcp(sides[side].tcpFlags, withSides: false, &event) }
    }

    private func tcp(_ flags: UInt8, withSides: Bool, _ event: inout EVEBuilder) {
        event.open("tcp")
        hexadecimal("tcp_flags", flags, &event)
        if withSides {
            hexadecimal("tcp_flags_ts", sides[0].tcpFlags, &event)
            hexadecimal("tcp_flags_tc", sides[1].tcpFlags, &event)
        }
        let names: [(UInt8, StaticString)] = [
            (0x02, "syn"), (0x01, "fin"), (0x04, "rst"), (0x08, "psh"), (0x10, "ack"), (0x20, "urg"), (0x40, "ecn"),
            (0x80, "cwr"),
        ]
        for (bit, name) in names where flags & bit != 0 { event.boolean(name, true) }
        if withSides {
            event.text("state", state.name)
            if sides[0].hasGap { event.boolean("ts_gap", true) }
            if sides[1].hasGap { event.boolean("tc_gap", true) }
        }
        event.close()
    }

    private func hexadecimal(_ key: StaticString, _ flags: UInt8, _ event: inout EVEBuilder) {
        event.beginText(key)
        event.add(hexadecimal: UInt64(flags), digits: 2)
        event.endText()
    }
}
