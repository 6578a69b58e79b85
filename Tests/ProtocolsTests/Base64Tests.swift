// SPDX-License-Identifier: Apache-2.0
//
// Base64 as bodies and mail bring it: in stretches of any length, with what is no digit between.

import Foundation
import Testing

@testable import Protocols
@testable import Wire

@Suite("Base64") struct Base64Tests {
    /// Octets of every value, as Foundation writes them in base64.
    private static let plain = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 / 256) }

    private func decode(_ text: [UInt8], pieces: Int) -> [UInt8] {
        var base64 = Base64()
        var decoded: [UInt8] = []
        for start in stride(from: 0, to: text.count, by: pieces) {
            base64.decode(Array(text[start..<min(start + pieces, text.count)]).octets, into: &decoded)
        }
        return decoded
    }

    @Test(arguments: [1, 2, 3, 4, 5, 7, 76, 5000])
    func `stretches of any length give what was encoded`(pieces: Int) {
        for count in [0, 1, 2, 3, 4, 998, 999, 1000] {
            let plain = Array(Base64Tests.plain.prefix(count))
            let text = Array(Data(plain).base64EncodedString(options: .lineLength76Characters).utf8)
            #expect(decode(text, pieces: pieces) == plain)
        }
    }

    @Test(arguments: [1, 3, 4, 5000])
    func `what is no digit is stepped over, wherever it stands`(pieces: Int) {
        var text: [UInt8] = []
        for (index, digit) in Data(Base64Tests.plain).base64EncodedString().utf8.enumerated() {
            if index % 5 == 3 { text += [0x0D, 0x0A, 0x00, 0xFF, 0x2A] }
            text.append(digit)
        }
        #expect(decode(text, pieces: pieces) == Base64Tests.plain)
    }

    @Test func `what was there stays in front`() {
        var decoded: [UInt8] = [1, 2]
        var base64 = Base64()
        base64.decode(Array("AwQ=".utf8).octets, into: &decoded)
        #expect(decoded == [1, 2, 3, 4])
    }
}
