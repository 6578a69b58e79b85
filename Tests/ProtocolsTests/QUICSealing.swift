// SPDX-License-Identifier: Apache-2.0
//
// Makes packets of QUIC for the tests, sealed as an end would seal them.

import Crypto
import CryptoExtras
import Wire

@testable import Protocols
@testable import Records

/// Octets of hexadecimal digits; anything else between them is passed over.
func hexadecimal(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}

/// A variable-length integer in two octets, or four where it must.
func quicInteger(_ value: Int) -> [UInt8] {
    value < 1 << 14 ? wide(0x4000 | value) : [0x80 | UInt8(value >> 24)] + tlsThree(value & 0xFF_FFFF)
}

/// A CRYPTO frame.
func quicCrypto(_ data: [UInt8], at offset: Int = 0) -> [UInt8] {
    [6] + quicInteger(offset) + quicInteger(data.count) + data
}

/// One side that makes packets; its keys follow from the client's first connection id.
struct QUICSealer {
    var version: UInt32 = 1
    /// The connection id that keys come from.
    var first: [UInt8]
    var isClient: Bool
    var target: [UInt8]
    var source: [UInt8]

    private var salt: [UInt8] {
        hexadecimal(
            version == 1 ? "38762cf7f55934b34d179ae6a4c80cadccbb7f0a" : "0dede3def700a6db819381be6e269dcbf9bd2ed9")
    }

    private func derive(_ label: StaticString, _ count: Int) -> [UInt8] {
        let initial = HMAC<SHA256>.authenticationCode(for: first, using: SymmetricKey(data: salt))
        let secret = KeySchedule.expand(
            SymmetricKey(data: Array(initial)), isClient ? "client in" : "server in", count: 32, using: SHA256.self)
        return KeySchedule.expand(SymmetricKey(data: secret), label, count: count, using: SHA256.self)
    }

    var key: [UInt8] { derive(version == 1 ? "quic key" : "quicv2 key", 16) }
    var nonce: [UInt8] { derive(version == 1 ? "quic iv" : "quicv2 iv", 12) }
    var mask: [UInt8] { derive(version == 1 ? "quic hp" : "quicv2 hp", 16) }

    private func header(_ type: UInt8) -> [UInt8] {
        [0xC0 | (version == 1 ? type : (type + 1) & 3) << 4]
            + wide(Int(version >> 16)) + wide(Int(version & 0xFFFF))
            + [UInt8(target.count)] + target + [UInt8(source.count)] + source
    }

    /// An Initial packet around frames, made longer by padding where it would be too short.
    func initial(_ frames: [UInt8], number: Int = 0, numberBytes: Int = 4, token: [UInt8] = []) -> [UInt8] {
        let frames = frames + [UInt8](repeating: 0, count: max(0, 20 - frames.count))
        var packet = header(0)
        packet[0] |= UInt8(numberBytes - 1)
        packet += (token.isEmpty ? [0] : quicInteger(token.count)) + token
        packet += quicInteger(numberBytes + frames.count + 16)
        let place = packet.count
        packet += (0..<numberBytes).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        var used = nonce
        for shift in 0..<4 { used[11 - shift] ^= UInt8(truncatingIfNeeded: number >> (8 * shift)) }
        guard let number = try? AES.GCM.Nonce(data: used),
            let box = try? AES.GCM.seal(frames, using: SymmetricKey(data: key), nonce: number, authenticating: packet)
        else { return [] }
        packet += Array(box.ciphertext) + Array(box.tag)
        var block = Array(packet[(place + 4)..<(place + 20)])
        guard (try? AES.permute(&block, key: SymmetricKey(data: mask))) != nil else { return [] }
        packet[0] ^= block[0] & 0x0F
        for index in 0..<numberBytes { packet[place + index] ^= block[1 + index] }
        return packet
    }

    /// A Handshake packet (2) or one of 0-RTT (1), which nobody opens.
    func closed(_ type: UInt8, count: Int = 40) -> [UInt8] {
        header(type) + quicInteger(count) + [UInt8](repeating: 0x5A, count: count)
    }

    func retry(token: [UInt8] = [1, 2, 3]) -> [UInt8] { header(3) + token + [UInt8](repeating: 7, count: 16) }

    /// A packet with a short header.
    var short: [UInt8] { [0x41] + target + [UInt8](repeating: 0x77, count: 24) }
}

/// One QUIC connection and what came of it.
final class QUICBench {
    let bench: DatagramBench
    var client: QUICSealer
    var server: QUICSealer

    init(version: UInt32 = 1, analyzer: QUIC = QUIC()) {
        let first: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
        client = QUICSealer(version: version, first: first, isClient: true, target: first, source: [9, 9])
        server = QUICSealer(version: version, first: first, isClient: false, target: [9, 9], source: [0xAA, 0xBB, 0xCC])
        bench = DatagramBench(
            analyzer, port: 443, logs: [QUICRecord.makeSchema(), TLSRecord.makeSchema(), X509Record.makeSchema()])
    }

    func send(_ octets: [UInt8]) {
        if !bench.analyzer.isDetached { bench.datagram(octets, from: .originator) }
    }

    func answer(_ octets: [UInt8]) {
        if !bench.analyzer.isDetached { bench.datagram(octets, from: .responder) }
    }

    func finish() { bench.analyzer.finish(&bench.context) }
    var sessions: [LogRow] { bench.rows(.quic) }
    var handshakes: [LogRow] { bench.rows(.ssl) }
    var services: [ServiceChange] { bench.context.serviceChanges }
}
