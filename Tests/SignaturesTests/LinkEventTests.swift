// SPDX-License-Identifier: Apache-2.0
//
// Events of decoding before the datagram: what Suricata 8.0.7 raised for the same frames.

import Testing
import Wire

@testable import Signatures

@Suite("Events of links") struct LinkEventTests {
    private static let addresses: [UInt8] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]
    private static let datagram: [UInt8] =
        [0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2] + [0, 1, 0, 2, 0, 8, 0, 0]

    private static func two(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)] }
    private static func names(_ frame: [UInt8]) -> [String] {
        var events = PacketEvents()
        events.read(frame.octets, linkType: 1)
        return events.names.map(\.description)
    }
    private static func names(_ type: Int, _ payload: [UInt8]) -> [String] { names(addresses + two(type) + payload) }

    private static func arp(
        _ operation: Int = 1, hardware: Int = 1, type: Int = 0x0800, sizes: [UInt8] = [6, 4], cut: Int = 28
    ) -> [UInt8] {
        Array((two(hardware) + two(type) + sizes + two(operation) + [UInt8](repeating: 0, count: 20)).prefix(cut))
    }

    @Test(arguments: [
        (arp(), [String]()), (arp(4), []), (arp(5), ["arp.unsupported_opcode"]), (arp(0), ["arp.unsupported_opcode"]),
        (arp(cut: 7), ["arp.pkt_too_small"]), (arp(cut: 8), ["arp.invalid_pkt"]), (arp(cut: 27), ["arp.invalid_pkt"]),
        (arp(hardware: 6, cut: 8), ["arp.unsupported_hardware"]), (arp(type: 0x0801), ["arp.unsupported_protocol"]),
        (arp(sizes: [5, 4]), ["arp.invalid_hardware_size"]), (arp(sizes: [6, 16]), ["arp.invalid_protocol_size"]),
    ]) func `questions about addresses`(_ payload: [UInt8], _ events: [String]) {
        #expect(Self.names(0x0806, payload) == events)
    }

    @Test func `tags of networks, three at most`() {
        let tag = Self.two(7) + Self.two(0x8100)
        let last = Self.two(7) + Self.two(0x0800) + Self.datagram
        #expect(Self.names(0x8100, last).isEmpty && Self.names(0x88A8, tag + tag + last).isEmpty)
        #expect(Self.names(0x9100, tag + tag + tag + last) == ["vlan.too_many_layers"])
        #expect(Self.names(0x8100, [0, 7, 8]) == ["vlan.header_too_small"])
        let unknown = ["vlan.unknown_type", "ethernet.unknown_ethertype"]
        #expect(Self.names(0x8100, [0, 7, 0x12, 0x34]) == unknown)
        #expect(Self.names(0x8100, tag + [0, 7, 0x12, 0x34]) == unknown)
        #expect(Self.names(0x1234, []) == ["ethernet.unknown_ethertype"])
        let bridge = [UInt8](repeating: 0, count: 16)
        #expect(Self.names(0x88E7, bridge + [8]) == ["ieee8021ah.header_too_small"])
        #expect(Self.names(0x88E7, bridge + [8, 0] + Self.datagram).isEmpty)
        #expect(Self.names(0x88E7, bridge + [8, 0, 0x65]) == ["ipv4.pkt_too_small"])
        #expect(Self.names(0x88E7, bridge + [0x12, 0x34]) == ["ethernet.unknown_ethertype"])
    }

    private static func label(_ value: Int, isLast: Bool = true) -> [UInt8] {
        two(value >> 4) + [UInt8(value & 15) << 4 | (isLast ? 1 : 0), 64]
    }

    @Test(arguments: [
        (label(0) + datagram, [String]()), (label(16) + datagram, []),
        (label(16, isLast: false) + label(0) + datagram, []),
        (label(1) + datagram, ["mpls.bad_label_router_alert"]), (label(3), ["mpls.bad_label_implicit_null"]),
        (label(7) + datagram, ["mpls.bad_label_reserved"]), (label(14), ["mpls.bad_label_reserved"]),
        (label(16, isLast: false), ["mpls.header_too_small"]), (label(16) + [0x45, 0, 0], ["mpls.pkt_too_small"]),
        (label(16) + [0x90, 0, 0, 0], ["mpls.unknown_payload_type"]), (label(0) + [0x45], ["ipv4.pkt_too_small"]),
        (label(16) + [0, 0, 0, 0] + addresses, ["ethernet.pkt_too_small"]),
        (label(16) + [0, 0, 0, 0] + addresses + [8, 0] + datagram, []),
    ]) func `labels, and what stands behind them`(_ payload: [UInt8], _ events: [String]) {
        #expect(Self.names(0x86DD, [0x60]).isEmpty && Self.names(0x86DD, []).isEmpty)
        #expect(Self.names(0x8847, payload) == events && Self.names(0x8848, payload) == events)
    }

    private static let session: [UInt8] = [0x11, 0, 0, 1, 0, 10]

    @Test(arguments: [
        (session + [0, 0x21] + datagram, [String]()), (session + [0x21] + datagram, []),
        (session + [0, 0x21, 0x45], ["ppp.ip4_pkt_too_small"]), (session + [0, 0x57, 0x60], ["ppp.ip6_pkt_too_small"]),
        (session + [0, 0x2F, 0x45], ["ppp.vju_pkt_too_small"]), (session + [0xC0, 0x21, 1], []),
        (session + [0x80, 0x23, 1], ["ppp.unsup_proto"]), (session + [0x11, 0x11], ["ppp.wrong_type"]),
        (session, ["pppoe.pkt_too_small"]), (session + [0], ["pppoe.pkt_too_small"]),
        ([0x11, 0, 0, 1, 0, 0, 0x11, 0x10], []),
    ]) func `sessions over Ethernet`(_ payload: [UInt8], _ events: [String]) {
        #expect(Self.names(0x8864, payload) == events)
    }

    @Test func `nothing stands behind no header`() {
        func datagram(_ payload: [UInt8]) -> [UInt8] {
            [0x60, 0, 0, 0] + Self.two(payload.count) + [59, 64] + [UInt8](repeating: 1, count: 32) + payload
        }
        #expect(Self.names(0x86DD, datagram([])).isEmpty)
        #expect(Self.names(0x86DD, datagram([1])) == ["ipv6.data_after_none_header"])
    }

    @Test func `how a session over Ethernet is found`() {
        #expect(Self.names(0x8863, [0x11, 9, 0, 0, 0, 4, 1, 1, 0, 0]).isEmpty)
        #expect(Self.names(0x8863, [0x11, 8, 0, 0, 0, 0]) == ["pppoe.wrong_code"])
        #expect(Self.names(0x8863, [0x11, 9, 0, 0, 0, 5, 1, 1, 0, 0]) == ["pppoe.malformed_tags"])
        #expect(Self.names(0x8863, [0x11, 9, 0, 0, 0]) == ["pppoe.pkt_too_small"])
    }

    @Test func `frames in frames come to an end, and what is cut anywhere does no harm`() {
        var nested = Self.addresses + [8, 0] + Self.datagram
        for _ in 0..<40 { nested = Self.addresses + [0x88, 0x47] + Self.label(16) + [0, 0, 0, 0] + nested }
        #expect(Self.names(nested) == ["too_many_layers"])
        for count in 0..<nested.count { _ = Self.names(Array(nested.prefix(count))) }
    }

    @Test func `a frame without a datagram does not bear the addresses of the one before it`() {
        var events = PacketEvents()
        events.read((Self.addresses + [8, 0] + Self.datagram).octets, linkType: 1)
        #expect(events.protocolNumber == 17)
        events.read((Self.addresses + [0x12, 0x34]).octets, linkType: 1)
        #expect(events.protocolNumber == 0 && events.source == events.target)
    }

    private static func names(link: UInt16, _ frame: [UInt8]) -> [String] {
        var events = PacketEvents()
        events.read(frame.octets, linkType: link)
        return events.names.map(\.description)
    }

    private static let zeros = [UInt8](repeating: 0, count: 20)
    /// Behind the first two octets, which say how long it is.
    private static func service(_ length: UInt8, _ type: UInt8, _ next: UInt8, first: UInt8 = 0) -> [UInt8] {
        [first, length, type, next] + zeros + datagram
    }

    @Test(arguments: [
        (service(6, 1, 1), [String]()), (service(6, 1, 1, first: 0x40), ["nsh.unsupported_version"]),
        (service(0x3F, 1, 1), ["nsh.bad_header_length"]), (service(5, 1, 1), ["nsh.bad_header_length"]),
        (service(6, 0, 1), ["nsh.reserved_type"]), (service(6, 15, 1), ["nsh.reserved_type"]),
        (service(6, 3, 1), ["nsh.unsupported_type"]), (service(6, 1, 4), ["nsh.unknown_payload"]),
        ([0, 2, 2, 1, 0, 0, 0, 0, 0x45], ["ipv4.pkt_too_small"]),
        ([0, 6, 1, 5] + zeros + [0], ["mpls.header_too_small"]),
        ([0, 6, 1, 3] + zeros + addresses + [0x12, 0x34], ["ethernet.unknown_ethertype"]),
        ([0, 6, 1, 1, 0, 0, 0], ["nsh.header_too_small"]),
    ]) func `headers of services`(_ payload: [UInt8], _ events: [String]) {
        #expect(Self.names(0x894F, payload) == events)
    }

    @Test func `tags of ports, and frames in fabric paths`() {
        #expect(Self.names(0x8926, [0, 0, 0, 0, 8, 0] + Self.datagram).isEmpty)
        #expect(Self.names(0x8926, [0, 0, 0, 0, 8]) == ["vntag.header_too_small"])
        #expect(Self.names(0x8926, [0, 0, 0, 0, 0x12, 0x34]) == ["vntag.unknown_type", "ethernet.unknown_ethertype"])
        #expect(Self.names(0x8903, [0, 0] + Self.addresses + [8, 0] + Self.datagram).isEmpty)
        #expect(Self.names(0x8903, [0, 0] + Self.addresses + [8]) == ["dce.pkt_too_small"])
        #expect(Self.names(0x8903, [0, 0] + Self.addresses + [0x12, 0x34]) == ["ethernet.unknown_ethertype"])
    }

    private static let version6 = [0x60, 0, 0, 0, 0, 0, 59, 64] + [UInt8](repeating: 0, count: 32)

    @Test func `other links than Ethernet`() {
        let cooked = [UInt8](repeating: 0, count: 14)
        #expect(Self.names(link: 113, cooked + [8, 0] + Self.datagram).isEmpty)
        #expect(Self.names(link: 113, cooked + [8]) == ["sll.pkt_too_small"])
        #expect(Self.names(link: 113, cooked + [0x12, 0x34]) == ["ethernet.unknown_ethertype"])
        #expect(Self.names(link: 113, cooked + [8, 0]) == ["ipv4.pkt_too_small"])
        #expect(Self.names(link: 276, [8, 0] + cooked + [0, 0, 0, 0] + Self.datagram).isEmpty)
        #expect(Self.names(link: 276, [8, 0] + cooked + [0, 0, 0]) == ["sll2.pkt_too_small"])
        #expect(Self.names(link: 0, [2, 0, 0, 0] + Self.datagram).isEmpty)
        for family: UInt8 in [10, 24, 28, 30] {
            #expect(Self.names(link: 0, [family, 0, 0, 0] + Self.version6).isEmpty)
        }
        #expect(Self.names(link: 0, [2, 0, 0]) == ["ltnull.pkt_too_small"])
        #expect(Self.names(link: 0, [0, 0, 0, 2]) == ["ltnull.unsupported_type"])
        #expect(Self.names(link: 104, [0x0F, 0, 8, 0] + Self.datagram).isEmpty)
        #expect(Self.names(link: 104, [0x0F, 0, 8]) == ["chdlc.pkt_too_small"])
        #expect(Self.names(link: 104, [0x0F, 0, 0x12, 0x34]) == ["ethernet.unknown_ethertype"])
        #expect(Self.names(link: 12, Self.datagram).isEmpty && Self.names(link: 101, Self.version6).isEmpty)
        #expect(Self.names(link: 12, [0x60]) == ["ipv4.pkt_too_small"])
        #expect(Self.names(link: 101, [0x55] + Self.zeros) == ["ipraw.invalid_ip_version"])
    }

    @Test(arguments: [
        ([0, 0x21] + datagram, [String]()), ([0xFF, 3, 0, 0x21] + datagram, []), ([0x21] + datagram, []),
        ([0x57] + version6, []), ([0], ["ppp.pkt_too_small"]), ([0xFF, 3], ["ppp.pkt_too_small"]),
        ([0xFF, 3, 0], ["ppp.pkt_too_small"]),
        ([0, 0x21], ["ppp.ip4_pkt_too_small"]), ([0x21], ["ppp.vju_pkt_too_small"]),
        ([0x57], ["ppp.ip6_pkt_too_small"]),
        ([0x2F, 0x45], ["ppp.vju_pkt_too_small"]), ([0xC0, 0x21, 1], []), ([0x11, 0x11], ["ppp.unsup_proto"]),
        ([0, 0x22], ["ppp.wrong_type"]), ([2, 0x81], ["ppp.unsup_proto"]), ([0xFD, 1], ["ppp.unsup_proto"]),
    ]) func `frames of PPP`(_ frame: [UInt8], _ events: [String]) {
        #expect(Self.names(link: 9, frame) == events)
    }
}
