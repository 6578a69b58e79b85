// SPDX-License-Identifier: Apache-2.0
//
// Hand-made packets for the tests: each function wraps its payload in one header.

import Testing
import Wire

/// Two octets in network order.
func be16(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)] }

/// RFC 1071 by the letter: the slow sum that the fast one is compared with.
func slowSum(_ octets: [UInt8], _ start: UInt32 = 0) -> UInt16 {
    var sum = start
    for index in stride(from: 0, to: octets.count, by: 2) {
        let low = index + 1 < octets.count ? UInt32(octets[index + 1]) : 0
        sum += UInt32(octets[index]) << 8 | low
        sum = (sum & 0xFFFF) + (sum >> 16)
    }
    return UInt16(sum)
}

/// The sum under test, of octets that the macros of the tests can hold.
func fastSum(_ octets: [UInt8], at offset: Int, count: Int) -> UInt16 {
    octets.octets.onesComplementSum(at: offset, count: count)
}

/// The judgement under test, likewise.
func isGood(_ bytes: [UInt8], _ layer: Layer) -> Bool { transportChecksumIsGood(bytes.octets, layer) }

let host4: [UInt8] = [10, 0, 0, 1]
let peer4: [UInt8] = [10, 0, 0, 2]
let host6: [UInt8] = [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
let peer6: [UInt8] = [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]

/// The low words of `host4` and `peer4` as a layer has them.
let host4Low: UInt64 = 0xFFFF_0A00_0001
let peer4Low: UInt64 = 0xFFFF_0A00_0002

enum Frame {
    static func ethernet(_ type: Int, _ payload: [UInt8]) -> [UInt8] {
        [2, 0, 0, 0, 0, 0xBB, 2, 0, 0, 0, 0, 0xAA] + be16(type) + payload
    }

    static func ipv4(
        _ number: UInt8, _ payload: [UInt8], source: [UInt8] = host4, target: [UInt8] = peer4,
        identification: Int = 1, fragment: Int = 0, options: [UInt8] = [], total: Int? = nil
    ) -> [UInt8] {
        let length = 20 + options.count
        var header: [UInt8] = [0x40 | UInt8(length / 4), 0] + be16(total ?? length + payload.count)
        header += be16(identification) + be16(fragment) + [64, number, 0, 0] + source + target + options
        let sum = ~slowSum(header)
        header[10] = UInt8(sum >> 8)
        header[11] = UInt8(sum & 0xFF)
        return header + payload
    }

    static func ipv6(
        _ number: UInt8, _ payload: [UInt8], source: [UInt8] = host6, target: [UInt8] = peer6
    ) -> [UInt8] {
        [0x60, 0, 0, 0] + be16(payload.count) + [number, 64] + source + target + payload
    }

    /// Puts the checksum of a transport segment at `place`.
    static func summed(
        _ segment: [UInt8], at place: Int, number: UInt8, source: [UInt8] = host4, target: [UInt8] = peer4
    ) -> [UInt8] {
        var segment = segment
        let pseudo = source + target + [0, 0] + be16(segment.count) + [0, number]
        let sum = ~slowSum(segment, UInt32(slowSum(pseudo)))
        segment[place] = UInt8(sum >> 8)
        segment[place + 1] = UInt8(sum & 0xFF)
        return segment
    }

    static func udp(_ source: Int, _ target: Int, _ payload: [UInt8]) -> [UInt8] {
        be16(source) + be16(target) + be16(8 + payload.count) + [0, 0] + payload
    }

    static func tcp(
        _ source: Int, _ target: Int, _ payload: [UInt8] = [], flags: UInt8 = 0x18, options: [UInt8] = []
    ) -> [UInt8] {
        let words = UInt8((20 + options.count) / 4)
        var segment = be16(source) + be16(target) + [0, 0, 0, 100, 0, 0, 0, 200, words << 4, flags]
        segment += be16(8192) + [0, 0, 0, 0] + options + payload
        return segment
    }

    /// A good TCP datagram over IPv4, the innermost part of most tests.
    static let web = ipv4(6, summed(tcp(40000, 80, Array("GET".utf8)), at: 16, number: 6))
    static let web6 = ipv6(
        6, summed(tcp(40000, 80, Array("GET".utf8)), at: 16, number: 6, source: host6, target: peer6))

    static func vxlan(_ frame: [UInt8]) -> [UInt8] {
        udp(50000, 4789, [8, 0, 0, 0, 0, 0, 42, 0] + frame)
    }
    static func geneve(_ type: Int, _ payload: [UInt8], options: [UInt8] = []) -> [UInt8] {
        udp(50000, 6081, [UInt8(options.count / 4), 0] + be16(type) + [0, 0, 42, 0] + options + payload)
    }
    static func gtp(_ payload: [UInt8]) -> [UInt8] {
        // With a sequence number and one extension header of four octets.
        udp(2152, 2152, [0x36, 255] + be16(payload.count + 8) + [0, 0, 0, 7, 0, 1, 0, 0xC0, 1, 9, 9, 0] + payload)
    }
    static func teredo(_ payload: [UInt8]) -> [UInt8] {
        let authentication: [UInt8] = [0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0]
        let origin: [UInt8] = [0, 0, 1, 2, 3, 4, 5, 6]
        return udp(50000, 3544, authentication + origin + payload)
    }
    static func ayiya(_ payload: [UInt8]) -> [UInt8] {
        udp(50000, 5072, [0x42, 0x52, 0x11, 41, 0, 0, 0, 1] + [UInt8](repeating: 7, count: 36) + payload)
    }
    static func gre(_ type: Int, _ payload: [UInt8], flags: Int = 0, fields: [UInt8] = []) -> [UInt8] {
        ipv4(47, be16(flags) + be16(type) + fields + payload)
    }
}

/// A packet that decodes to the end, and what it should give.
struct Sample: CustomTestStringConvertible, Sendable {
    var name: String
    var linkType: UInt16
    var bytes: [UInt8]
    var layers: Int
    var testDescription: String { name }

    init(_ name: String, _ linkType: UInt16, _ bytes: [UInt8], layers: Int = 1) {
        self.name = name
        self.linkType = linkType
        self.bytes = bytes
        self.layers = layers
    }

    static let links: [Sample] = [
        Sample("Ethernet, IPv4", 1, Frame.ethernet(0x0800, Frame.web)),
        Sample("Ethernet, IPv6", 1, Frame.ethernet(0x86DD, Frame.web6)),
        Sample("802.1Q", 1, Frame.ethernet(0x8100, be16(0x2007) + be16(0x0800) + Frame.web)),
        Sample("QinQ", 1, Frame.ethernet(0x88A8, be16(5) + be16(0x8100) + be16(7) + be16(0x86DD) + Frame.web6)),
        Sample(
            "VLAN with LLC and SNAP", 1,
            Frame.ethernet(
                0x8100, be16(7) + be16(8 + Frame.web.count) + [0xAA, 0xAA, 3, 0, 0, 0, 8, 0] + Frame.web)),
        Sample(
            "LLC and SNAP", 1,
            Frame.ethernet(8 + Frame.web.count, [0xAA, 0xAA, 3, 0, 0, 0, 8, 0] + Frame.web)),
        Sample("VN-Tag", 1, Frame.ethernet(0x8926, [1, 2, 3, 4, 8, 0] + Frame.web)),
        Sample("PBB", 1, Frame.ethernet(0x88E7, [0, 0, 0, 1] + Frame.ethernet(0x0800, Frame.web))),
        Sample(
            "FabricPath", 1,
            Frame.ethernet(0x8903, [0, 1]) + Frame.ethernet(0x0800, Frame.web)),
        Sample("MPLS", 1, Frame.ethernet(0x8847, [0, 1, 0, 64, 0, 2, 1, 64] + Frame.web)),
        Sample(
            "PPPoE", 1,
            Frame.ethernet(0x8864, [0x11, 0, 0, 9] + be16(2 + Frame.web.count) + [0, 0x21] + Frame.web)),
        Sample(
            "PPPoE, short protocol number", 1,
            Frame.ethernet(0x8864, [0x11, 0, 0, 9] + be16(1 + Frame.web.count) + [0x21] + Frame.web)),
        Sample("PPP", 9, [0, 0x57] + Frame.web6),
        Sample("PPP with HDLC framing", 9, [0xFF, 3, 0, 0x21] + Frame.web),
        Sample("PPP in HDLC", 50, [0xFF, 3, 0, 0x21] + Frame.web),
        Sample("Cisco HDLC", 104, [0x0F, 0, 8, 0] + Frame.web),
        Sample("NULL, little-endian", 0, [2, 0, 0, 0] + Frame.web),
        Sample("NULL, big-endian", 0, [0, 0, 0, 30] + Frame.web6),
        Sample("LOOP", 108, [0, 0, 0, 24] + Frame.web6),
        Sample("raw IP 12", 12, Frame.web),
        Sample("raw IP 14", 14, Frame.web),
        Sample("raw IP 101", 101, Frame.web6),
        Sample("raw IPv4", 228, Frame.web),
        Sample("raw IPv6", 229, Frame.web6),
        Sample("SLL", 113, [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 0xAA, 0, 0, 8, 0] + Frame.web),
        Sample(
            "SLL2", 276,
            [8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 0xAA, 0, 0] + Frame.web),
        Sample("NFLOG", 239, [2, 0, 0, 0, 5, 0, 1, 0, 9, 0, 0, 0, 4, 0, 9, 0] + Frame.web),
        Sample("802.11", 105, wireless(0x08, 0, []) + snap + Frame.web),
        Sample("802.11 QoS, four addresses", 105, wireless(0x88, 3, [0, 0]) + snap + Frame.web),
        Sample("radiotap", 127, [0, 0, 9, 0, 0, 0, 0, 0, 0] + wireless(0x08, 1, []) + snap + Frame.web),
        Sample("A-MSDU", 105, wireless(0x88, 0, [0x80, 0]) + part + [0, 0, 0] + part, layers: 2),
    ]

    static let snap: [UInt8] = [0xAA, 0xAA, 3, 0, 0, 0, 8, 0]
    /// One part of an aggregate: 14 + 8 + 43 octets, so three of padding follow where it is not the last.
    static var part: [UInt8] {
        [UInt8](repeating: 1, count: 12) + be16(snap.count + Frame.web.count) + snap + Frame.web
    }

    static func wireless(_ control: UInt8, _ direction: UInt8, _ quality: [UInt8]) -> [UInt8] {
        let addresses = [UInt8](repeating: 3, count: direction == 3 ? 26 : 20)
        return [control, direction, 0, 0] + addresses + quality
    }

    static let tunnels: [Sample] = [
        Sample("IP in IP", 101, Frame.ipv4(4, Frame.web), layers: 2),
        Sample("6in4", 101, Frame.ipv4(41, Frame.web6), layers: 2),
        Sample("4in6", 101, Frame.ipv6(4, Frame.web), layers: 2),
        Sample("GRE", 101, Frame.gre(0x0800, Frame.web), layers: 2),
        Sample(
            "GRE with checksum, key, sequence", 101,
            Frame.gre(0x86DD, Frame.web6, flags: 0xB000, fields: [UInt8](repeating: 0, count: 12)), layers: 2),
        Sample(
            "GRE version 1", 101,
            Frame.gre(0x880B, [0xFF, 3, 0, 0x21] + Frame.web, flags: 0x2001, fields: [0, 0, 0, 0]), layers: 2),
        Sample("GRE, Ethernet", 101, Frame.gre(0x6558, Frame.ethernet(0x0800, Frame.web)), layers: 2),
        Sample("ERSPAN I", 101, Frame.gre(0x88BE, Frame.ethernet(0x0800, Frame.web)), layers: 2),
        Sample(
            "ERSPAN II", 101,
            Frame.gre(
                0x88BE, [UInt8](repeating: 0, count: 8) + Frame.ethernet(0x0800, Frame.web), flags: 0x1000,
                fields: [0, 0, 0, 1]), layers: 2),
        Sample(
            "ERSPAN III with subheader", 101,
            Frame.gre(
                0x22EB,
                [UInt8](repeating: 0, count: 11) + [1] + [UInt8](repeating: 0, count: 8)
                    + Frame.ethernet(0x0800, Frame.web), flags: 0x1000, fields: [0, 0, 0, 1]), layers: 2),
        Sample("GRE, Aruba", 101, Frame.gre(0x8210, wireless(0x08, 0, []) + snap + Frame.web), layers: 2),
        Sample("GRE, MPLS", 101, Frame.gre(0x8847, [0, 1, 1, 64] + Frame.web), layers: 2),
        Sample(
            "GRE in UDP", 101, Frame.ipv4(17, Frame.udp(1, 4754, be16(0) + be16(0x0800) + Frame.web)), layers: 2),
        Sample("VXLAN", 101, Frame.ipv4(17, Frame.vxlan(Frame.ethernet(0x0800, Frame.web))), layers: 2),
        Sample(
            "Geneve with options", 101,
            Frame.ipv4(17, Frame.geneve(0x6558, Frame.ethernet(0x86DD, Frame.web6), options: [0, 1, 1, 0])),
            layers: 2),
        Sample("Geneve, IP", 101, Frame.ipv4(17, Frame.geneve(0x0800, Frame.web)), layers: 2),
        Sample("GTP", 101, Frame.ipv4(17, Frame.gtp(Frame.web)), layers: 2),
        Sample("Teredo", 101, Frame.ipv4(17, Frame.teredo(Frame.web6)), layers: 2),
        Sample("AYIYA", 101, Frame.ipv4(17, Frame.ayiya(Frame.web6)), layers: 2),
        Sample(
            "GRE in GRE in VXLAN", 1,
            Frame.ethernet(
                0x0800,
                Frame.ipv4(
                    17, Frame.vxlan(Frame.ethernet(0x0800, Frame.gre(0x0800, Frame.gre(0x0800, Frame.web)))))),
            layers: 4),
    ]

    static let all = links + tunnels
}
