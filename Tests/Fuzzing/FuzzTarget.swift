// SPDX-License-Identifier: Apache-2.0
//
// Every place where octets of strangers come in, by name.
//
// Reads   any octets.
// Writes  nothing: a target ends or traps.
// Leaves  the fuzzer itself (FuzzMain), and the corpus (Tests/Fixtures/fuzz).

import Records
import Signatures
import Wire

@testable import Files
@testable import Protocols

/// One way to read arbitrary octets. A target is called again and again in one process and keeps no state.
package struct FuzzTarget: Sendable {
    package let name: String
    package let run: @Sendable ([UInt8]) -> Void

    /// All targets. A protocol of the registry is one without being named here.
    package static let all: [FuzzTarget] = protocols + readers

    package static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }

    /// Of two analyzers of one service, such as HTTP and HTTP/2, the second has the name of its kind.
    private static let protocols: [FuzzTarget] = {
        var services: Set<String> = []
        return AnalyzerKind.allCases.compactMap { kind in
            guard Registry.make(kind) != nil else { return nil }
            let conversation = FuzzConversation(kind)
            let service = "\(kind.serviceName)"
            let name = services.insert(service).inserted ? service : "\(kind)"
            return FuzzTarget(name: name) { conversation.play($0) }
        }
    }()

    private static let readers: [FuzzTarget] = [
        FuzzTarget(name: "rules") { RuleFuzzing.read($0) },
        FuzzTarget(name: "frames") { FuzzFrames.play($0) },
        FuzzTarget(name: "capture") { FuzzFrames.read($0) },
        FuzzTarget(name: "mime") { octets in mail.play(Script.make(datagrams: false, [(.originator, octets)])) },
        FuzzTarget(name: "mime_type") { octets in _ = MIMEType.detect(octets.octets.extracting(first: 4096)) },
        FuzzTarget(name: "x509") { octets in
            _ = X509Certificate(parsing: octets.octets, fingerprint: X509Fingerprint(octets))?.matches([0x61][...])
        },
    ]

    /// A mail session up to the message.
    private static let mail = FuzzConversation(
        .smtp,
        prologue: [
            (.responder, Array("220 a\r\n".utf8)), (.originator, Array("EHLO b\r\n".utf8)),
            (.responder, Array("250 a\r\n".utf8)), (.originator, Array("MAIL FROM:<a@b>\r\n".utf8)),
            (.responder, Array("250 ok\r\n".utf8)), (.originator, Array("RCPT TO:<c@d>\r\n".utf8)),
            (.responder, Array("250 ok\r\n".utf8)), (.originator, Array("DATA\r\n".utf8)),
            (.responder, Array("354 go\r\n".utf8)),
        ])
}
