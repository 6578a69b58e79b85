// SPDX-License-Identifier: Apache-2.0
//
// A replay with a key log: HTTP inside of TLS is logged like any other.

import Foundation
import Protocols
import Sensor
import Testing

@Suite("Replay with a key log") struct KeyLogReplayTests {
    private let capture = Repository.root + "/Tests/Fixtures/tls/keylog.pcap"
    private let keys = Repository.root + "/Tests/Fixtures/tls/keylog.txt"

    @Test func `what three ciphers hide is read, a key update in between`() throws {
        let folder = try TestFolder()
        var run = TestRun()
        run.settings.ignoringChecksums = true
        run.settings.protocols.keyLog = try KeyLogFile.open(keys)
        try run.replay([capture], into: folder.path)
        let http = try LogLines(folder.path + "/logs/http.log")
        #expect(http.texts("uri") == ["/page.txt", "/page.txt", "/page.txt"])
        #expect(http.texts("host") == ["keylog.example", "keylog.example", "keylog.example"])
        // A body without a length is counted by its lines, as Zeek does: the line end is two octets.
        #expect(http.numbers("response_body_len") == [41, 41, 41])
        let ssl = try LogLines(folder.path + "/logs/ssl.log")
        #expect(
            Set(ssl.texts("cipher")) == [
                "TLS_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            ])
        let conn = try LogLines(folder.path + "/logs/conn.log")
        #expect(conn.texts("service") == ["ssl,http", "ssl,http", "ssl,http"])
    }

    @Test func `without one the same capture gives only TLS`() throws {
        let folder = try TestFolder()
        var run = TestRun()
        run.settings.ignoringChecksums = true
        try run.replay([capture], into: folder.path)
        #expect(try LogLines(folder.path + "/logs/http.log").rows.isEmpty)
        #expect(try LogLines(folder.path + "/logs/ssl.log").rows.count == 3)
    }

    @Test func `a file that is not there is an error with a sentence`() {
        #expect(throws: SettingsError.self) { try KeyLogFile.open("/nonexistent/keys") }
    }
}
