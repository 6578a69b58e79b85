// SPDX-License-Identifier: Apache-2.0
//
// What the tests of Microsoft's protocols are made of: numbers, texts, and the
// messages of NTLM, SPNEGO, Kerberos, DCE RPC and SMB.

import Wire

@testable import Protocols

func little(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
}

func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

/// UTF-16, little-endian.
func wide(_ text: String) -> [UInt8] { text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] } }

/// What a probe says of octets.
func verdict(_ probe: Probe.Test, _ octets: [UInt8]) -> ProbeVerdict { probe(octets.octets) }

enum NTLMMade {
    static let signature = octets("NTLMSSP\0")
    static let negotiate = signature + little(1, 4) + little(0xE208_8297, 4) + zeros(16)

    static func pair(_ id: UInt64, _ text: String) -> [UInt8] {
        little(id, 2) + little(UInt64(wide(text).count), 2) + wide(text)
    }

    static let challenge: [UInt8] = {
        let info = pair(2, "WG") + pair(1, "SRV") + pair(3, "srv.example") + pair(5, "example") + zeros(4)
        let head = signature + little(2, 4) + zeros(8) + little(0x0080_0001, 4) + zeros(16)
        return head + little(UInt64(info.count), 2) + little(UInt64(info.count), 2) + little(56, 4) + zeros(8) + info
    }()

    static let authenticate: [UInt8] = {
        let texts = [wide("DOM"), wide("alice"), wide("PC")]
        var fields: [UInt8] = []
        var place = 72
        for text in texts {
            fields += little(UInt64(text.count), 2) + little(UInt64(text.count), 2) + little(UInt64(place), 4)
            place += text.count
        }
        let head = signature + little(3, 4) + zeros(16) + fields + zeros(8) + little(0x0200_0001, 4)
        return head + [10, 0, 0x61, 0x4A, 0, 0, 0, 15] + texts.flatMap { $0 }
    }()
}

enum SPNEGOMade {
    static let identity: [UInt8] = [0x2B, 6, 1, 5, 5, 2]

    static func initial(_ token: [UInt8]) -> [UInt8] {
        let mechanisms = ber(0xA0, ber(0x30, ber(6, [0x2B, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0A])))
        let inside = token.isEmpty ? ber(0x30, mechanisms) : ber(0x30, mechanisms, ber(0xA2, ber(4, token)))
        return ber(0x60, ber(6, identity), ber(0xA0, inside))
    }

    static func answer(_ state: UInt8, _ token: [UInt8]) -> [UInt8] {
        let first = ber(0xA0, ber(0x0A, [state]))
        return ber(0xA1, token.isEmpty ? ber(0x30, first) : ber(0x30, first, ber(0xA2, ber(4, token))))
    }

    /// A message of Kerberos as a mechanism's token.
    static func kerberos(_ message: [UInt8]) -> [UInt8] {
        ber(0x60, ber(6, [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 1, 2, 2]), [1, 0], message)
    }
}

enum KerberosMade {
    static func number(_ value: UInt8) -> [UInt8] { ber(2, [value]) }
    static func text(_ value: String) -> [UInt8] { ber(0x1B, octets(value)) }
    static func name(_ parts: String...) -> [UInt8] {
        ber(0x30, ber(0xA0, number(1)), ber(0xA1, ber(0x30, parts.flatMap(text))))
    }
    static func time(_ value: String) -> [UInt8] { ber(0x18, octets(value)) }
    static func sealed(_ cipher: UInt8) -> [UInt8] {
        ber(0x30, ber(0xA0, number(cipher)), ber(0xA2, ber(4, [1, 2, 3])))
    }

    static func ticket(_ cipher: UInt8) -> [UInt8] {
        ber(
            0x61,
            ber(
                0x30, ber(0xA0, number(5)), ber(0xA1, text("EXAMPLE")), ber(0xA2, name("cifs", "srv")),
                ber(0xA3, sealed(cipher))))
    }

    static func request(_ kind: UInt8, client: Bool) -> [UInt8] {
        let body = ber(
            0x30, ber(0xA0, ber(3, [0, 0x40, 0x81, 0, 0x10])), client ? ber(0xA1, name("alice")) : [],
            ber(0xA2, text("EXAMPLE")), ber(0xA3, name("krbtgt", "EXAMPLE")), ber(0xA5, time("20370913024805Z")),
            ber(0xA7, number(7)), ber(0xA8, ber(0x30, number(18))))
        return ber(
            0x60 | kind, ber(0x30, ber(0xA1, number(5)), ber(0xA2, number(kind)), ber(0xA4, body)))
    }

    static func reply(_ kind: UInt8) -> [UInt8] {
        ber(
            0x60 | kind,
            ber(
                0x30, ber(0xA0, number(5)), ber(0xA1, number(kind)), ber(0xA3, text("EXAMPLE")),
                ber(0xA4, name("alice")), ber(0xA5, ticket(18)), ber(0xA6, sealed(23))))
    }

    static func error(_ code: UInt8, text said: String? = nil) -> [UInt8] {
        ber(
            0x7E,
            ber(
                0x30, ber(0xA0, number(5)), ber(0xA1, number(30)), ber(0xA6, number(code)), ber(0xA9, text("EXAMPLE")),
                ber(0xAA, name("krbtgt", "EXAMPLE")), said.map { ber(0xAB, text($0)) } ?? []))
    }

    static let applicationRequest = ber(
        0x6E,
        ber(
            0x30, ber(0xA0, number(5)), ber(0xA1, number(14)), ber(0xA2, ber(3, [0, 0, 0, 0, 0])),
            ber(0xA3, ticket(17)), ber(0xA4, sealed(17))))
    static let applicationReply = ber(
        0x6F, ber(0x30, ber(0xA0, number(5)), ber(0xA1, number(15)), ber(0xA2, sealed(17))))

    static func framed(_ message: [UInt8]) -> [UInt8] {
        [0, 0, UInt8(message.count >> 8), UInt8(message.count & 0xFF)] + message
    }
}

enum DCERPCMade {
    /// svcctl, version 2.0.
    static let interface: [UInt8] = [
        0x81, 0xBB, 0x7A, 0x36, 0x44, 0x98, 0xF1, 0x35, 0xAD, 0x32, 0x98, 0xF0, 0x38, 0x00, 0x10, 0x03,
    ]

    static func message(
        _ kind: UInt8, call: UInt64 = 1, flags: UInt8 = 3, _ body: [UInt8], token: [UInt8] = [], auth: UInt8 = 10
    ) -> [UInt8] {
        let trailer = token.isEmpty ? [] : [auth, 2, 0, 0, 0, 0, 0, 0] + token
        let length = UInt64(16 + body.count + trailer.count)
        return [5, 0, kind, flags, 0x10, 0, 0, 0] + little(length, 2) + little(UInt64(token.count), 2)
            + little(call, 4) + body + trailer
    }

    static func bind(token: [UInt8] = []) -> [UInt8] {
        let context = little(0, 2) + [1, 0] + interface + little(2, 4) + zeros(20)
        return message(11, little(4280, 2) + little(4280, 2) + zeros(4) + [1, 0, 0, 0] + context, token: token)
    }

    static func bindAck(token: [UInt8] = []) -> [UInt8] {
        let address = octets("\\PIPE\\svcctl\0")
        let body = little(4280, 2) + little(4280, 2) + zeros(4) + little(UInt64(address.count), 2) + address + [0]
        return message(12, body + [1, 0, 0, 0] + zeros(24), token: token)
    }

    static func request(_ operation: UInt64, call: UInt64 = 2, flags: UInt8 = 3, stub: Int = 8) -> [UInt8] {
        message(0, call: call, flags: flags, little(8, 4) + little(0, 2) + little(operation, 2) + zeros(stub))
    }

    static func response(call: UInt64 = 2, flags: UInt8 = 3, stub: Int = 8) -> [UInt8] {
        message(2, call: call, flags: flags, little(8, 4) + little(0, 2) + [0, 0] + zeros(stub))
    }
}

enum SMBMade {
    static func frame(_ messages: [UInt8]...) -> [UInt8] {
        let content = messages.flatMap { $0 }
        return [0, UInt8(content.count >> 16), UInt8(content.count >> 8 & 0xFF), UInt8(content.count & 0xFF)] + content
    }

    /// A message of version 2; `next` is the offset of the one behind it in a compound.
    static func message2(
        _ command: UInt64, _ number: UInt64, tree: UInt64 = 0, isResponse: Bool = false, status: UInt64 = 0,
        isRelated: Bool = false, hasNext: Bool = false, _ body: [UInt8]
    ) -> [UInt8] {
        let padding = hasNext ? zeros((8 - body.count % 8) % 8) : []
        let next = hasNext ? UInt64(64 + body.count + padding.count) : 0
        let flags: UInt64 = (isResponse ? 1 : 0) | (isRelated ? 4 : 0)
        let head =
            [0xFE] + octets("SMB") + little(64, 2) + little(1, 2) + little(status, 4) + little(command, 2)
            + little(1, 2) + little(flags, 4) + little(next, 4) + little(number, 8) + zeros(4) + little(tree, 4)
        return head + little(0x1122, 8) + zeros(16) + body + padding
    }

    static func handle(_ number: UInt64) -> [UInt8] { little(number, 8) + little(0, 8) }
    static let related = [UInt8](repeating: 0xFF, count: 16)
    /// 2026-01-02 03:04:05 UTC in tenths of a microsecond since 1601.
    static let time: UInt64 = (1_767_323_045 + 11_644_473_600) * 10_000_000

    static func sessionSetup(_ number: UInt64, _ token: [UInt8]) -> [UInt8] {
        frame(
            message2(
                1, number,
                little(25, 2) + zeros(10) + little(88, 2) + little(UInt64(token.count), 2) + zeros(8) + token))
    }

    static func sessionAnswer(_ number: UInt64, status: UInt64, _ token: [UInt8]) -> [UInt8] {
        frame(
            message2(
                1, number, isResponse: true, status: status,
                little(9, 2) + zeros(2) + little(72, 2) + little(UInt64(token.count), 2) + token))
    }

    static func treeConnect(_ number: UInt64, _ path: String) -> [UInt8] {
        let name = wide(path)
        let body = little(9, 2) + zeros(2) + little(72, 2) + little(UInt64(name.count), 2) + name
        return frame(message2(3, number, body))
    }

    static func treeAnswer(_ number: UInt64, tree: UInt64, kind: UInt8) -> [UInt8] {
        frame(message2(3, number, tree: tree, isResponse: true, little(16, 2) + [kind] + zeros(13)))
    }

    static func createBody(_ path: String, options: UInt64 = 0) -> [UInt8] {
        let name = wide(path)
        let head = little(57, 2) + zeros(34) + little(1, 4) + little(options, 4)
        return head + little(120, 2) + little(UInt64(name.count), 2) + zeros(8) + (name.isEmpty ? [0] : name)
    }

    static func createAnswerBody(_ handle: UInt64, size: UInt64) -> [UInt8] {
        little(89, 2) + zeros(2) + little(1, 4) + (0..<4).flatMap { _ in little(time, 8) } + zeros(8)
            + little(size, 8) + zeros(8) + SMBMade.handle(handle) + zeros(8)
    }

    /// Without a handle it is about the file of the message before.
    static func readBody(_ handle: UInt64?, length: UInt64) -> [UInt8] {
        little(49, 2) + [0x50, 0] + little(length, 4) + zeros(8) + (handle.map(SMBMade.handle) ?? related) + zeros(17)
    }

    static func readAnswerBody(_ content: [UInt8]) -> [UInt8] {
        little(17, 2) + [80, 0] + little(UInt64(content.count), 4) + zeros(8) + content
    }

    static func writeBody(_ handle: UInt64, _ content: [UInt8]) -> [UInt8] {
        little(49, 2) + little(112, 2) + little(UInt64(content.count), 4) + zeros(8) + SMBMade.handle(handle)
            + zeros(16) + content
    }

    static func closeBody(_ handle: [UInt8]) -> [UInt8] { little(24, 2) + zeros(6) + handle }

    static func setInfoBody(_ handle: UInt64, _ level: UInt8, _ content: [UInt8]) -> [UInt8] {
        little(33, 2) + [1, level] + little(UInt64(content.count), 4) + little(96, 2) + zeros(6)
            + SMBMade.handle(handle) + content
    }

    static func controlBody(_ handle: UInt64, _ content: [UInt8]) -> [UInt8] {
        little(57, 2) + zeros(2) + little(0x0011_C017, 4) + SMBMade.handle(handle) + little(120, 4)
            + little(UInt64(content.count), 4) + zeros(24) + content
    }

    static func controlAnswerBody(_ handle: UInt64, _ content: [UInt8]) -> [UInt8] {
        little(49, 2) + zeros(2) + little(0x0011_C017, 4) + SMBMade.handle(handle) + zeros(8) + little(112, 4)
            + little(UInt64(content.count), 4) + zeros(8) + content
    }

    /// A message of version 1: words and octets of one command.
    static func message1(
        _ command: UInt8, _ number: UInt64, tree: UInt64 = 1, isResponse: Bool = false, words: [UInt8],
        _ octets: [UInt8]
    ) -> [UInt8] {
        let head =
            [0xFF] + Array("SMB".utf8) + [command] + zeros(4) + [isResponse ? 0x80 : 0] + little(0xC807, 2) + zeros(12)
        return frame(
            head + little(tree, 2) + zeros(4) + little(number, 2) + [UInt8(words.count / 2)] + words
                + little(UInt64(octets.count), 2) + octets)
    }
}
