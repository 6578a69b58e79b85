// SPDX-License-Identifier: Apache-2.0
//
// Lines out of spans of any length.

import Testing
import Wire

@testable import Protocols

@Suite("Lines") struct LineReaderTests {
    private func lines(_ text: String, _ ending: LineReader.Ending, pieces: Int, bytesMax: Int = 1000) -> [String] {
        var reader = LineReader(ending, bytesMax: bytesMax)
        var found: [String] = []
        let octets = Array(text.utf8)
        for start in stride(from: 0, to: octets.count, by: pieces) {
            let piece = Array(octets[start..<min(octets.count, start + pieces)])
            var at = 0
            while let line = reader.next(piece.octets, &at) {
                var whole: [UInt8] = []
                if line.isCarried {
                    whole = reader.take()
                    reader.giveBack(whole)
                } else {
                    piece.octets.extracting(line.range).append(to: &whole)
                }
                found.append(String(decoding: whole, as: UTF8.self) + (line.isEnded ? "" : "…"))
            }
        }
        if reader.end() != nil { found.append(String(decoding: reader.take(), as: UTF8.self) + "$") }
        return found
    }

    @Test(arguments: 1..<20) func `either ending ends a line`(_ pieces: Int) {
        let found = lines("one\r\ntwo\nthree\rfour\r\r\nfive\n\nsix", .either, pieces: pieces)
        #expect(found == ["one", "two", "three", "four", "", "five", "", "six$"])
    }

    @Test(arguments: 1..<20) func `a feed takes the return before it`(_ pieces: Int) {
        let found = lines("one\r\ntwo\nth\rree\r\r\n\r\n\nsix\r", .feed, pieces: pieces)
        #expect(found == ["one", "two", "th\rree\r", "", "", "six\r$"])
    }

    @Test(arguments: 1..<20) func `a long line comes in pieces`(_ pieces: Int) {
        #expect(lines("0123456789ab\nx\n", .either, pieces: pieces, bytesMax: 5) == ["01234…", "56789…", "ab", "x"])
    }
}
