// SPDX-License-Identifier: Apache-2.0
//
// What the tests of TLS share: messages made by hand from the RFCs, and one
// connection that they are fed to.

import Wire

@testable import Protocols
@testable import Records

// MARK: making messages

func tlsThree(_ value: Int) -> [UInt8] { [UInt8(value >> 16 & 0xFF)] + wide(value) }

/// One record of a stream.
func tlsRecord(_ type: UInt8, _ body: [UInt8], version: Int = 0x0303) -> [UInt8] {
    [type] + wide(version) + wide(body.count) + body
}

/// One handshake message.
func tlsMessage(_ type: UInt8, _ body: [UInt8] = []) -> [UInt8] { [type] + tlsThree(body.count) + body }

/// A record with one handshake message.
func tlsHandshake(_ type: UInt8, _ body: [UInt8] = []) -> [UInt8] { tlsRecord(22, tlsMessage(type, body)) }

func tlsExtension(_ type: Int, _ data: [UInt8]) -> [UInt8] { wide(type) + wide(data.count) + data }

func tlsServerName(_ names: [String]) -> [UInt8] {
    let list = names.flatMap { name -> [UInt8] in [0] + wide(name.utf8.count) + Array(name.utf8) }
    return tlsExtension(0, wide(list.count) + list)
}

func tlsProtocols(_ names: [String]) -> [UInt8] {
    let list = names.flatMap { name -> [UInt8] in [UInt8(name.utf8.count)] + Array(name.utf8) }
    return tlsExtension(16, wide(list.count) + list)
}

let tlsRandom = [UInt8](repeating: 0x11, count: 32)

func tlsClientHello(
    version: Int = 0x0303, session: [UInt8] = [], cookie: [UInt8]? = nil, suites: [Int] = [0x1301, 0xC02F],
    extensions: [UInt8]? = nil
) -> [UInt8] {
    var body = wide(version) + tlsRandom + [UInt8(session.count)] + session
    if let cookie { body += [UInt8(cookie.count)] + cookie }
    body += wide(suites.count * 2) + suites.flatMap(wide) + [1, 0]
    if let extensions { body += wide(extensions.count) + extensions }
    return body
}

func tlsServerHello(
    version: Int = 0x0303, random: [UInt8] = tlsRandom, session: [UInt8] = [], suite: Int = 0xC02F,
    extensions: [UInt8]? = nil
) -> [UInt8] {
    var body = wide(version) + random + [UInt8(session.count)] + session + wide(suite) + [0]
    if let extensions { body += wide(extensions.count) + extensions }
    return body
}

func tlsCertificates(_ list: [[UInt8]]) -> [UInt8] {
    let all = list.flatMap { one -> [UInt8] in tlsThree(one.count) + one }
    return tlsThree(all.count) + all
}

/// ServerKeyExchange with secp256r1.
let tlsKeyExchange: [UInt8] = [3, 0, 23, 1, 4]
let tlsCipherChange = tlsRecord(20, [1])
let tlsEncryptedHandshake = tlsRecord(22, [UInt8](repeating: 0xAB, count: 40))
let tlsApplicationData = tlsRecord(23, [UInt8](repeating: 0xCD, count: 30))

/// The random of a HelloRetryRequest (RFC 8446 section 4.1.3).
let tlsRetryRandom: [UInt8] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2, 0x11,
    0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
]

/// A certificate for *.example.org and example.net, made with `openssl req -x509`; no key was kept.
let tlsCertificate: [UInt8] = {
    let digits = """
        3082028930820230a00302010202050099fa8037300a06082a8648ce3d040302307e310b300906035504061302444531
        183016060355040a0c0f412c2042202b2022432220476d624831133011060355040b0c0a2331204772c3b6c39f653122
        300806035504070c0178301606035504030c0f7777772e6578616d706c652e6f7267311c301a06092a864886f70d0109
        01160d61406578616d706c652e6f7267301e170d3236313132323232323534305a170d3336313131393232323534305a
        307e310b300906035504061302444531183016060355040a0c0f412c2042202b2022432220476d624831133011060355
        040b0c0a2331204772c3b6c39f653122300806035504070c0178301606035504030c0f7777772e6578616d706c652e6f
        7267311c301a06092a864886f70d010901160d61406578616d706c652e6f72673059301306072a8648ce3d020106082a
        8648ce3d03010703420004fbefee199b6497ebc8918c519d9e751db4923d0433106b15a919e2d0cb29fc914df07b1a6a
        02ed1d1a48b6d1cd9bf3e9aa6bd99f173cc2f1b3ff1d120a200a93a3819a30819730620603551d11045b3059820d2a2e
        6578616d706c652e6f7267820b6578616d706c652e6e65748704c0000207871020010db8000000000000000000000007
        861468747470733a2f2f6578616d706c652e6f72672f810d61406578616d706c652e6f726730120603551d130101ff04
        0830060101ff020103301d0603551d0e04160414e2fb9527b4c7fe214ba8466c64122534382d3ec0300a06082a8648ce
        3d040302034700304402203035fee6fb1be9cb646800bc6675b9fd1266e3a426877c14194ba722730739d9022037a7ed
        fb93370b01368a113341045986d87be429f9210f9cf60af53fb5fa1f53
        """.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}()

let tlsFingerprint = "b13c5eaf861165d7c29ecf7fe7c79e12832f6a67882ca2b89b748b53404983c5"

// MARK: feeding an analyzer

/// One connection with TLS on it, and what came of it.
final class TLSBench: Bench<TLS> {
    init(_ kind: AnalyzerKind = .ssl) {
        super.init(
            TLS(kind: kind), logs: [TLSRecord.makeSchema(), X509Record.makeSchema()], port: 443,
            kind == .ssl ? .tcp : .udp)
    }

    /// Another connection on the same instance.
    func begin() {
        analyzer.reset()
        context.output.batches[Int(LogID.ssl.rawValue)].clear()
    }

    func client(_ octets: [UInt8]) { send(octets, from: .originator) }
    func server(_ octets: [UInt8]) { send(octets, from: .responder) }

    var written: [LogRow] { rows(.ssl) }
    var certificates: [LogRow] { rows(.x509) }

    /// The connection ends; its one row.
    func finished() -> LogRow? {
        finish()
        return written.first
    }
}
