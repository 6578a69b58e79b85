// SPDX-License-Identifier: Apache-2.0
//
// Events of decoding behind the link: what Suricata 8.0.7 raised for the same frames.

import Testing
import Wire

@testable import Signatures

@Suite("Events of datagrams") struct DecodeEventTests {
    private static let addresses: [UInt8] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]
    private static func two(_ values: Int...) -> [UInt8] {
        values.flatMap { [UInt8($0 >> 8 & 0xFF), UInt8($0 & 0xFF)] }
    }
    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    private static func names(_ frame: [UInt8], link: UInt16 = 1) -> Set<String> {
        var events = PacketEvents()
        events.read(frame.octets, linkType: link)
        return Set(events.names.map(\.description))
    }

    private static func v4(_ number: UInt8, _ payload: [UInt8], options: [UInt8] = []) -> [UInt8] {
        [0x45 + UInt8(options.count / 4), 0] + two(20 + options.count + payload.count, 1, 0) + [64, number, 0, 0]
            + [10, 0, 0, 1, 10, 0, 0, 2] + options + payload
    }
    private static func v6(_ next: UInt8, _ payload: [UInt8], hops: UInt8 = 64) -> [UInt8] {
        [0x60, 0, 0, 0] + two(payload.count) + [next, hops] + [0x20, 1, 0x0D, 0xB8] + zeros(11) + [1]
            + [0x20, 1, 0x0D, 0xB8] + zeros(11) + [2] + payload
    }
    private static func udp(_ source: Int, _ target: Int, _ payload: [UInt8]) -> [UInt8] {
        two(source, target, 8 + payload.count, 0) + payload
    }
    private static let plain = v4(17, udp(1, 2, []))
    private static func frame4(_ datagram: [UInt8]) -> [UInt8] { addresses + [8, 0] + datagram }
    private static func frame6(_ datagram: [UInt8]) -> [UInt8] { addresses + [0x86, 0xDD] + datagram }

    @Test(arguments: [
        (two(0, 0x0800) + plain, [String]()), (two(0, 0x0800), []), (two(0), ["gre.pkt_too_small"]),
        (two(0x0100, 0x0800), ["gre.version0_recur"]), (two(0x0008, 0x0800), ["gre.version0_flags"]),
        (two(0x0080, 0x0800), []), (two(0x2000, 0x0800), ["gre.version0_hdr_too_big"]),
        (two(0x8000, 0x0800), ["gre.version0_hdr_too_big"]),
        (two(0x4000, 0x0800, 0, 0), ["gre.version0_malformed_sre_hdr"]),
        (two(0x4000, 0x0800, 0, 0, 0, 0) + plain, []),
        (two(0x4000, 0x0800, 0, 0, 1, 0xF0) + plain, ["gre.version0_malformed_sre_hdr"]),
        (two(2, 0x0800), ["gre.wrong_version"]), (two(0x2001, 0x880B, 30, 1), []),
        (two(0x2081, 0x880B, 30, 1, 0, 0), []), (two(0xA001, 0x880B, 30, 1), ["gre.version1_chksum"]),
        (two(0x6001, 0x880B, 30, 1), ["gre.version1_route"]), (two(0x2801, 0x880B, 30, 1), ["gre.version1_ssr"]),
        (two(0x2101, 0x880B, 30, 1), ["gre.version1_recur"]), (two(0x2009, 0x880B, 30, 1), ["gre.version1_flags"]),
        (two(0x2001, 0x0800, 30, 1), ["gre.version1_wrong_protocol"]), (two(1, 0x880B), ["gre.version1_no_key"]),
        (two(0x3001, 0x880B, 30, 1), ["gre.version1_hdr_too_big"]),
    ]) func `headers of GRE`(_ header: [UInt8], _ events: [String]) {
        #expect(Self.names(Self.frame4(Self.v4(47, header))) == Set(events))
        #expect(Self.names(Self.frame6(Self.v6(47, header))) == Set(events))
    }

    private static func vxlan(_ type: Int, flags: UInt8 = 8, last: UInt8 = 0) -> [UInt8] {
        [flags, 0, 0, 0, 0, 0, 1, last] + addresses + two(type)
    }

    @Test(arguments: [0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8, 0x9100, 0x8847, 0x6558, 0x1234])
    func `what stands in VXLAN`(_ type: Int) {
        let isKnown = ![0x8847, 0x6558, 0x1234].contains(type)
        let events: Set<String> = isKnown ? [] : ["vxlan.unknown_payload_type"]
        #expect(Self.names(Self.frame4(Self.v4(17, Self.udp(1000, 4789, Self.vxlan(type))))) == events)
        #expect(Self.names(Self.frame6(Self.v6(17, Self.udp(1000, 4789, Self.vxlan(type))))) == events)
        // By the target's port alone, with the flag of an identity, and nothing where nothing may be.
        #expect(Self.names(Self.frame4(Self.v4(17, Self.udp(4789, 1000, Self.vxlan(type))))).isEmpty)
        #expect(Self.names(Self.frame4(Self.v4(17, Self.udp(1, 4789, Self.vxlan(type, flags: 0))))).isEmpty)
        #expect(Self.names(Self.frame4(Self.v4(17, Self.udp(1, 4789, Self.vxlan(type, last: 5))))).isEmpty)
    }

    @Test(arguments: [
        ([0, 0, 0x12, 0x34, 0, 0, 1, 0], true), ([0, 0, 8, 0, 0, 0, 1, 0], false),
        ([0, 0, 0x65, 0x58, 0, 0, 1, 0], false), ([0, 0, 8, 6, 0, 0, 1, 0], false),
        ([0, 0, 0x81, 0, 0, 0, 1, 0], true), ([0x40, 0, 0x12, 0x34, 0, 0, 1, 0], false),
        ([0, 1, 0x12, 0x34, 0, 0, 1, 0], false), ([0, 0x40, 0x12, 0x34, 0, 0, 1, 0], true),
        ([0, 0, 0x12, 0x34, 0, 0, 1, 1], false), ([2, 0, 0x12, 0x34, 0, 0, 1, 0], false),
        ([2, 0, 0x12, 0x34, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0], true),
        ([2, 0, 0x12, 0x34, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0], false),
    ] as [([UInt8], Bool)]) func `what stands in Geneve`(_ header: [UInt8], _ isUnknown: Bool) {
        let events: Set<String> = isUnknown ? ["geneve.unknown_payload_type"] : []
        #expect(Self.names(Self.frame4(Self.v4(17, Self.udp(1000, 6081, header)))) == events)
        #expect(Self.names(Self.frame4(Self.v4(17, Self.udp(6081, 1000, header)))) == events)
    }

    @Test(arguments: [
        (v6(4, plain), [String]()), (v6(41, v6(59, [])), []), (v6(4, [0x45]), ["ipv6.ipv4_in_ipv6_too_small"]),
        (v6(4, v6(59, [])), ["ipv6.ipv4_in_ipv6_wrong_version"]), (v6(41, []), ["ipv6.ipv6_in_ipv6_too_small"]),
        (v6(41, plain + plain), ["ipv6.ipv6_in_ipv6_wrong_version"]), (v6(1, zeros(8)), ["ipv6.icmpv4"]),
        (v6(99, zeros(8)), ["ipv6.unknown_next_header"]), (v6(135, [59] + zeros(8)), ["ipv6.data_after_none_header"]),
        (v6(140, [59] + zeros(7)), []), (v6(51, [59, 4, 0, 1] + zeros(20)), ["ipv6.exthdr_ah_res_not_null"]),
        (v6(51, [59, 4] + zeros(22)), []), (v6(50, zeros(5)), ["esp.pkt_too_small"]),
        (v6(50, [0]), ["ipv6.trunc_exthdr"]),
        (v6(44, [59, 1] + zeros(6)), ["ipv6.exthdr_useless_fh", "ipv6.fh_non_zero_reserved_field"]),
        (v6(60, [59, 0, 1, 4, 0, 0, 0, 0]), ["ipv6.dstopts_only_padding"]),
    ]) func `what follows a header of version 6`(_ datagram: [UInt8], _ events: [String]) {
        #expect(Self.names(Self.frame6(datagram)) == Set(events))
    }

    @Test(arguments: [
        ([7, 3, 4, 7, 3, 4, 0, 0], ["ipv4.opt_duplicate"]), ([7, 7, 4, 0, 0, 0, 0, 0], []),
        ([131, 7, 5, 1, 2, 3, 4, 0], ["ipv4.opt_malformed"]), ([131, 7, 12, 1, 2, 3, 4, 0], ["ipv4.opt_malformed"]),
        ([94, 8, 0, 0, 0, 0, 0, 0], ["ipv4.opt_invalid"]), ([1, 1, 1, 1, 1, 1, 1, 7], ["ipv4.opt_eol_required"]),
        ([7, 9, 0, 0, 0, 94, 3, 0], ["ipv4.opt_invalid_len"]),
        ([7, 3, 3, 94, 3, 0, 0, 0], ["ipv4.opt_invalid", "ipv4.opt_malformed"]),
        ([68, 8, 5, 0, 0, 0, 0, 0], []), ([68, 8, 8, 0, 0, 0, 0, 0], ["ipv4.opt_malformed"]),
        ([68, 4, 5, 0, 0, 0, 0, 0], ["ipv4.opt_invalid_len"]), ([25, 8, 0, 0, 0, 0, 0, 0], []),
        ([148, 8, 0, 0, 0, 0, 0, 0], ["ipv4.opt_invalid_len"]), ([136, 4, 0, 0, 148, 4, 0, 0], []),
        ([134, 6, 0, 0, 0, 1, 0, 0], ["ipv4.opt_invalid_len"]), ([130, 3, 0, 133, 3, 0, 0, 0], []),
        ([134, 12, 0, 0, 0, 1, 7, 6, 1, 0, 0, 0, 0, 0, 0, 0], []), ([7, 3, 4, 0], ["ipv4.opt_pad_required"]),
        ([134, 12, 0, 0, 0, 1, 1, 6, 1, 0, 0, 0, 0, 0, 0, 0], ["ipv4.opt_malformed"]),
        ([134, 11, 0, 0, 0, 1, 1, 4, 0, 0, 1, 0, 0, 0, 0, 0], ["ipv4.opt_malformed"]),
    ] as [([UInt8], [String])]) func `options of version 4`(_ options: [UInt8], _ events: [String]) {
        #expect(Self.names(Self.frame4(Self.v4(17, Self.udp(1, 2, []), options: options))) == Set(events))
    }

    private static func icmp(_ type: UInt8, _ code: UInt8 = 0, _ payload: [UInt8] = []) -> [UInt8] {
        [type, code] + zeros(6) + payload
    }

    @Test func `errors quote the datagram that they are about`() {
        for type: UInt8 in [3, 4, 5, 11, 12] {
            func names(_ payload: [UInt8]) -> Set<String> {
                Self.names(Self.frame4(Self.v4(1, Self.icmp(type, 0, payload))))
            }
            #expect(names(Self.plain).isEmpty && names([0x45]) == ["icmpv4.ipv4_trunc_pkt"])
            #expect(names(Self.v6(59, [])) == ["icmpv4.ipv4_unknown_ver"])
            #expect(names([]) == (type == 4 ? ["icmpv4.ipv4_trunc_pkt"] : []))
        }
        #expect(Self.names(Self.frame4(Self.v4(1, Self.icmp(3, 99, [0x45])))) == ["icmpv4.unknown_code"])
        for type: UInt8 in 1...4 {
            func names(_ payload: [UInt8]) -> Set<String> {
                Self.names(Self.frame6(Self.v6(58, Self.icmp(type, 0, payload))))
            }
            #expect(names(Self.v6(59, [])).isEmpty && names([]) == ["icmpv6.ipv6_trunc_pkt"])
            #expect(names(Self.plain + Self.plain) == ["icmpv6.ipv6_unknown_version"])
        }
    }

    @Test func `types of ICMP over version 6`() {
        func names(_ type: UInt8, _ code: UInt8 = 0, hops: UInt8 = 1) -> Set<String> {
            Self.names(Self.frame6(Self.v6(58, Self.icmp(type, code, Self.v6(59, [])), hops: hops)))
        }
        #expect([0, 127].allSatisfy { names($0) == ["icmpv6.unknown_type"] })
        #expect([100, 101, 200, 201].allSatisfy { names($0) == ["icmpv6.experimentation_type"] })
        #expect([5, 99, 102, 126, 160, 199, 202, 255].allSatisfy { names($0) == ["icmpv6.unassigned_type"] })
        #expect((128...159).allSatisfy { names($0).isEmpty })
        let highest: [UInt8: UInt8] = [1: 6, 2: 0, 3: 1, 4: 2, 128: 0, 138: 2, 139: 2, 140: 2, 154: 0, 155: 3, 159: 0]
        for (type, code) in highest {
            #expect(names(type, code).isEmpty && names(type, code + 1) == ["icmpv6.unknown_code"])
        }
        #expect(names(138, 255).isEmpty && names(139, 255) == ["icmpv6.unknown_code"] && names(152, 200).isEmpty)
        #expect([130, 131, 132].allSatisfy { names($0, hops: 64) == ["icmpv6.mld_message_with_invalid_hl"] })
        #expect(names(143, hops: 64).isEmpty)
        #expect(Self.names(Self.frame4(Self.v4(58, Self.zeros(8)))) == ["ipv4.icmpv6"])
    }

    @Test func `a length of UDP may leave octets over, and may not be none`() {
        func names(_ length: Int) -> Set<String> {
            Self.names(Self.frame4(Self.v4(17, Self.two(1, 2, length, 0) + [1, 2, 3])))
        }
        #expect(names(8).isEmpty && names(11).isEmpty && names(12) == ["udp.pkt_too_small"])
        #expect(names(7) == ["udp.len_invalid"] && names(0) == ["udp.len_invalid"])
    }

    @Test func `fifteen headers in each other, and not one more`() {
        func nested(_ count: Int, _ inner: [UInt8]) -> [UInt8] {
            (0..<count).reduce(inner) { frame, _ in Self.addresses + [0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 0] + frame }
        }
        let tagged = Self.addresses + Self.two(0x8100, 1, 0x0800) + Self.plain
        let twice = Self.addresses + Self.two(0x8100, 1, 0x8100, 1, 0x0800) + Self.plain
        #expect(Self.names(nested(6, Self.frame4(Self.plain))).isEmpty && Self.names(nested(6, tagged)).isEmpty)
        #expect(Self.names(nested(6, twice)) == ["too_many_layers"])
        #expect(Self.names(nested(7, Self.frame4(Self.plain))) == ["too_many_layers"])
        #expect(Self.names(nested(7, Self.addresses + [8, 6, 1])) == ["arp.pkt_too_small"])
    }

    @Test func `what is cut anywhere does no harm`() {
        let frames = [
            Self.frame4(Self.v4(47, Self.two(0x7000, 0x0800, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0))),
            Self.frame4(Self.v4(17, Self.udp(6081, 1, [4, 0, 0x12, 0x34] + Self.zeros(60)))),
            Self.frame6(Self.v6(51, [58, 1] + Self.zeros(10) + Self.icmp(1, 0, Self.v6(59, [])))),
            Self.frame4(Self.v4(1, Self.icmp(3, 0, Self.plain))),
            Self.frame4(Self.v4(17, Self.udp(1, 4789, Self.vxlan(0x1234) + Self.zeros(20)))),
        ]
        for frame in frames {
            for count in 0..<frame.count {
                for link: UInt16 in [0, 1, 9, 12, 104, 113, 276] {
                    _ = Self.names(Array(frame.prefix(count)), link: link)
                }
            }
            // The datagram itself is shorter, and says so.
            for count in 1..<frame.count - 34 where frame[12] == 8 {
                var cut = Array(frame.prefix(34 + count))
                (cut[16], cut[17]) = (UInt8((20 + count) >> 8), UInt8((20 + count) & 255))
                _ = Self.names(cut)
            }
        }
    }
}
