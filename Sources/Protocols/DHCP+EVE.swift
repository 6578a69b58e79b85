// SPDX-License-Identifier: Apache-2.0
//
// A message of DHCP as events and signatures see it (Suricata 8 user guide, "Event type: DHCP", extended).
//
// Reads   a whole message (RFC 2131 section 2, options RFC 2132).
// Writes  the event `dhcp`, one for each message with all options; the numbers `dhcp.*`, events of its options.
// Leaves  options that Suricata does not show.

import Records
import Wire

extension DHCP {
    /// Shows a message: each is one transaction.
    static func show(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard context.wantsEvents || context.wantsTransactions else { return }
        let tx = context.beginTransaction(.dhcp)
        if context.wantsEvents { writeEvent(bytes, tx: tx, from: direction, &context) }
        guard context.wantsTransactions || context.transactions.wantsEvents else { return }
        for (code, buffer) in [(51, SignatureBuffer.dhcpLeaseTime), (58, .dhcpRenewalTime), (59, .dhcpRebindingTime)] {
            guard let place = option(UInt8(code), bytes) else { continue }
            guard place.count == 4 else {
                context.transactionEvent("dhcp.malformed_options", tx: tx, from: direction)
                continue
            }
            let value: UInt32 = bytes.load(place.lowerBound)
            context.exposeNumber(buffer, UInt64(value), tx: tx, from: direction)
        }
        for side in [Direction.originator, .responder] { context.transactionDone(tx: tx, from: side) }
    }

    /// A message whose options run over its end.
    static func showBroken(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard bytes.byteCount >= DHCPMessage.byteCount, DHCPProbe.message(bytes) == .matches else { return }
        context.lostMessage(.dhcp, "dhcp.truncated_options", from: direction)
    }

    /// The value of the first option of a code; `DHCPMessage` has checked the lengths.
    private static func option(_ wanted: UInt8, _ bytes: RawSpan) -> Range<Int>? {
        var at = DHCPMessage.byteCount
        while at &+ 1 < bytes.byteCount, bytes.octet(at) != 255 {
            let code = bytes.octet(at)
            at &+= 1
            if code == 0 { continue }
            let end = at &+ 1 &+ Int(bytes.octet(at))
            guard end <= bytes.byteCount else { return nil }
            if code == wanted { return at &+ 1..<end }
            at = end
        }
        return nil
    }

    private static func writeEvent(
        _ bytes: RawSpan, tx: UInt64, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        context.beginEvent("dhcp", from: direction, tx: tx)
        let isReply = bytes.octet(0) == 2
        context.event.open("dhcp")
        context.event.text("type", isReply ? "reply" : bytes.octet(0) == 1 ? "request" : "<unknown>")
        context.event.count("id", UInt64(bytes.load(4, as: UInt32.self)))
        colons("client_mac", bytes.extracting(28..<34), &context.event)
        context.event.address("assigned_ip", Address(v4: bytes.load(16)))
        context.event.address("client_ip", Address(v4: bytes.load(12)))
        if isReply {
            context.event.address("relay_ip", Address(v4: bytes.load(24)))
            context.event.address("next_server_ip", Address(v4: bytes.load(20)))
        }
        options(bytes, &context.event)
        context.event.close()
        context.endEvent()
    }

    private static func options(_ bytes: RawSpan, _ event: inout EVEBuilder) {
        var at = DHCPMessage.byteCount
        var seen: [UInt8] = []
        while at &+ 1 < bytes.byteCount, bytes.octet(at) != 255 {
            let code = bytes.octet(at)
            at &+= 1
            if code == 0 { continue }
            let end = at &+ 1 &+ Int(bytes.octet(at))
            guard end <= bytes.byteCount else { return }
            // Of an option that comes twice the first counts: a name stands once in an object.
            if !seen.contains(code) {
                seen.append(code)
                option(code, bytes.extracting(at &+ 1..<end), &event)
            }
            at = end
        }
    }

    private static func option(_ code: UInt8, _ value: RawSpan, _ event: inout EVEBuilder) {
        switch code {
        case 53 where value.byteCount > 0: event.text("dhcp_type", name(value.octet(0)))
        case 61: colons("client_id", value.extracting(min(1, value.byteCount)..<value.byteCount), &event)
        case 51: seconds("lease_time", value, &event)
        case 58: seconds("renewal_time", value, &event)
        case 59: seconds("rebinding_time", value, &event)
        case 50 where value.byteCount >= 4: event.address("requested_ip", Address(v4: value.load(0)))
        case 1 where value.byteCount >= 4: event.address("subnet_mask", Address(v4: value.load(0)))
        case 12: event.text("hostname", value)
        case 60: event.text("vendor_class_identifier", value)
        case 3: addresses("routers", value, &event)
        case 6: addresses("dns_servers", value, &event)
        case 55:
            event.openList("params")
            for place in 0..<value.byteCount {
                if let name = parameter(value.octet(place)) { event.item(name) }
            }
            event.closeList()
        default: break
        }
    }

    private static func seconds(_ key: StaticString, _ value: RawSpan, _ event: inout EVEBuilder) {
        if value.byteCount >= 4 { event.count(key, UInt64(value.load(0, as: UInt32.self))) }
    }

    private static func addresses(_ key: StaticString, _ value: RawSpan, _ event: inout EVEBuilder) {
        event.openList(key)
        for place in stride(from: 0, to: value.byteCount &- 3, by: 4) {
            event.item(address: Address(v4: value.load(place)))
        }
        event.closeList()
    }

    private static func colons(_ key: StaticString, _ value: RawSpan, _ event: inout EVEBuilder) {
        event.beginText(key)
        for place in 0..<value.byteCount {
            if place > 0 { event.add(":") }
            event.add(hexadecimal: UInt64(value.octet(place)), digits: 2)
        }
        event.endText()
    }

    private static func name(_ type: UInt8) -> StaticString {
        let names: [StaticString] = ["discover", "offer", "request", "decline", "ack", "nak", "release", "inform"]
        return (1...8).contains(type) ? names[Int(type) - 1] : "unknown"
    }

    /// Options that a client asks for, by Suricata's names.
    private static func parameter(_ code: UInt8) -> StaticString? {
        switch code {
        case 1: "subnet_mask"
        case 3: "router"
        case 6: "dns_server"
        case 15: "domain"
        case 35: "arp_timeout"
        case 42: "ntp_server"
        case 66: "tftp_server_name"
        case 67: "bootfile_name"
        case 150: "tftp_server_address"
        default: nil
        }
    }
}
