// SPDX-License-Identifier: Apache-2.0
//
// Numbers of link types (https://www.tcpdump.org/linktypes.html) and EtherTypes
// (IEEE, IANA "ieee-802-numbers") that the decoder follows.

/// Link types by their registered numbers.
public enum LinkType {
    public static let null: UInt16 = 0
    public static let ethernet: UInt16 = 1
    public static let ppp: UInt16 = 9
    /// Raw IP under the numbers it has had on different systems.
    public static let rawBSD: UInt16 = 12
    public static let rawOpenBSD: UInt16 = 14
    public static let pppHDLC: UInt16 = 50
    public static let raw: UInt16 = 101
    public static let ciscoHDLC: UInt16 = 104
    public static let wireless: UInt16 = 105
    public static let loop: UInt16 = 108
    public static let linuxCooked: UInt16 = 113
    public static let radiotap: UInt16 = 127
    public static let ipv4: UInt16 = 228
    public static let ipv6: UInt16 = 229
    public static let nflog: UInt16 = 239
    public static let linuxCooked2: UInt16 = 276
}

/// EtherTypes that lead to an IP header.
enum EtherType {
    static let ipv4: UInt16 = 0x0800
    static let vlan: UInt16 = 0x8100
    static let ipv6: UInt16 = 0x86DD
    static let ppp: UInt16 = 0x880B
    static let mpls: UInt16 = 0x8847
    static let mplsMulticast: UInt16 = 0x8848
    static let pppoe: UInt16 = 0x8864
    static let serviceVLAN: UInt16 = 0x88A8
    static let backbone: UInt16 = 0x88E7
    static let erspan2: UInt16 = 0x88BE
    static let fabricPath: UInt16 = 0x8903
    static let vnTag: UInt16 = 0x8926
    static let oldServiceVLAN: UInt16 = 0x9100
    static let bridged: UInt16 = 0x6558
    static let erspan3: UInt16 = 0x22EB
}
