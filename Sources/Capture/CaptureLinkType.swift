// SPDX-License-Identifier: Apache-2.0
// Which link types the decoder understands, by their registered numbers.
//
// Reads   the link type field of a capture file, or the data link type of an interface.
// Writes  the number that packets carry.
// Leaves  decoding to `Wire`.

/// Numbers of https://www.tcpdump.org/linktypes.html, as far as `Wire` decodes them.
package enum CaptureLinkType {
    /// True when packets of this link type can be decoded.
    package static func isSupported(_ number: UInt32) -> Bool {
        switch number {
        case 0, 108: true  // NULL, LOOP: a family in four octets
        case 1: true  // Ethernet
        case 9, 50: true  // PPP, PPP in HDLC-like framing
        case 12, 14, 101: true  // raw IP, under the numbers it has had
        case 104: true  // Cisco HDLC
        case 105, 127: true  // 802.11, without and with radiotap
        case 113, 276: true  // Linux cooked, versions 1 and 2
        case 228, 229: true  // raw IPv4, raw IPv6
        case 239: true  // NFLOG
        default: false
        }
    }

    /// The number in a classic file's link type field: its upper six bits tell of frame check
    /// sequences, not of the link.
    static func number(inFileField field: UInt32) -> UInt32 { field & 0x03FF_FFFF }

    /// The number that libpcap's own functions take. Raw IP is 101 in files and 12 on Linux; 14 is
    /// raw IP in files of OpenBSD only.
    static func libpcapNumber(_ number: UInt32) -> Int32 {
        switch number {
        case 14, 101: 12
        default: Int32(truncatingIfNeeded: number)
        }
    }

    /// For example `USB_LINUX (189)`.
    package static func name(_ number: UInt32) -> String {
        guard let name = libpcapName(of: libpcapNumber(number)) else { return "number \(number)" }
        return "\(name) (\(number))"
    }
}
