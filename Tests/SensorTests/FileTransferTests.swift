// SPDX-License-Identifier: Apache-2.0
//
// Real files that real programs transfer, and what other tools say of the same files.
//
// Reads   a capture of its own making, inside a network namespace that goes with the test.
// Leaves  how the transfers are made (Tests/Fixtures/transfer.py).

import Foundation
import Testing

/// What the test needs of the host.
private let isReady: Bool = {
    guard geteuid() == 0, WeirCommand.isBuilt else { return false }
    let script = "for p in ip python3 tcpdump openssl file sha256sum; do command -v $p || exit 1; done; unshare -n true"
    return (try? WeirCommand.program("/bin/sh", ["-c", script]).status) == 0
}()

@Suite("File transfers", .enabled(if: isReady, "needs root, tcpdump, openssl, file and the built command"))
struct FileTransferTests {
    @Test func `types, digests and certificates are those that other tools see`() throws {
        let folder = try TestFolder()
        let script = Repository.root + "/Tests/Fixtures/transfer.py"
        let made = try WeirCommand.program(
            "/usr/bin/env", ["unshare", "-n", "sh", "-c", "ip link set lo up && exec python3 \(script) \(folder.path)"])
        try #require(made.status == 0, "\(made.errors)")
        let replay = try WeirCommand.run([
            "replay", folder.path + "/transfer.pcap", "--logs", folder.path + "/logs", "--ignore-checksums", "--quiet",
            "--set", "files.hash=md5,sha1,sha256", "--extract", "mime=image/*", "--extract-dir", folder.path + "/saved",
        ])
        try #require(replay.status == 0, "\(replay.errors)")
        let data = try #require(FileManager.default.contents(atPath: folder.path + "/expected.json"))
        let expected = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let rows = try LogLines(folder.path + "/logs/files.log").rows
        let forms = try #require(expected["forms"] as? [String: Int])
        #expect(forms.count >= 5)
        for file in try #require(expected["files"] as? [[String: Any]]) {
            for source in ["FTP_DATA", "TFTP", "SMTP"] { try check(file, source, rows, folder.path) }
            for (form, port) in forms { try check(file, "HTTP", rows, folder.path, form: form, port: port) }
        }
        for file in try #require(expected["uploads"] as? [[String: Any]]) {
            for source in ["HTTP", "FTP_DATA", "TFTP"] { try check(file, source, rows, folder.path) }
        }
        let certificate = try #require(expected["certificate"] as? [String: String])
        let seen = try LogLines(folder.path + "/logs/x509.log").rows
        #expect(seen.first?["fingerprint"] as? String == certificate["fingerprint"])
        #expect(seen.first?["certificate.serial"] as? String == certificate["serial"])
        #expect(seen.first?["certificate.subject"] as? String == "CN=transfer.test")
    }

    /// A row of a source, and of a client's port where that is given, must say of a file what other tools say of it.
    private func check(
        _ file: [String: Any], _ source: String, _ rows: [[String: Any]], _ folder: String, form: String = "",
        port: Int? = nil
    ) throws {
        let name = try #require(file["name"] as? String)
        let how: Comment = "\(name) over \(source) \(form)"
        let found = try #require(
            rows.first { row in
                row["source"] as? String == source && row["sha256"] as? String == file["sha256"] as? String
                    && (port == nil || row["id.orig_p"] as? Int == port)
            }, how)
        #expect(found["mime_type"] as? String == file["mime"] as? String, how)
        #expect(found["md5"] as? String == file["md5"] as? String, how)
        #expect(found["sha1"] as? String == file["sha1"] as? String, how)
        #expect(found["seen_bytes"] as? Int == file["size"] as? Int, how)
        #expect(found["missing_bytes"] as? Int == 0, how)
        if source == "SMTP" { #expect(found["filename"] as? String == name) }
        guard (file["mime"] as? String)?.hasPrefix("image/") == true else { return }
        let saved = try #require(found["extracted"] as? String, how)
        #expect(try octets(folder + "/saved/" + saved) == octets(folder + "/" + name), how)
    }
}
