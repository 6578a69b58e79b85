// SPDX-License-Identifier: Apache-2.0
//
// Facts about FTP commands: which replies they have, which are logged, who is a guest.
//
// Reads   names of commands and users.
// Writes  nothing.

import Wire

/// What is known of commands (RFC 959 section 5.4, RFC 2389, RFC 2428, RFC 3659).
enum FTPReplies {
    /// Whether a command, in capitals, may be answered by a code.
    static func knows(_ command: RawSpan, _ code: Int) -> Bool {
        for (name, codes) in table where command.byteCount == name.utf8CodeUnitCount && command.begins(with: name) {
            return codes.contains(UInt16(clamping: code))
        }
        return false
    }

    /// Whether the command has a row.
    static func isLogged(_ command: RawSpan) -> Bool { isIn(command, logged) }

    /// Whether the argument is the name of a file or folder.
    static func namesFile(_ command: RawSpan) -> Bool { isIn(command, ofFiles) }

    /// Users whose passwords are no secret.
    static func isGuest(_ user: RawSpan) -> Bool { isIn(user, guests) }

    private static func isIn(_ word: RawSpan, _ list: [StaticString]) -> Bool {
        for name in list where word.isText(name) { return true }
        return false
    }

    private static let logged: [StaticString] = [
        "APPE", "DELE", "RETR", "STOR", "STOU", "ACCT", "PORT", "PASV", "EPRT", "EPSV",
    ]
    private static let ofFiles: [StaticString] = [
        "APPE", "CWD", "DELE", "MKD", "RETR", "RMD", "RNFR", "RNTO", "STOR", "STOU", "REST", "SIZE", "MDTM",
    ]
    private static let guests: [StaticString] = ["anonymous", "ftp", "ftpuser", "guest"]

    private static let table: [(StaticString, [UInt16])] = [
        ("USER", [230, 331, 332, 421, 530, 500, 501]),
        ("PASS", [230, 202, 332, 421, 530, 500, 501, 503]),
        ("ACCT", [230, 202, 421, 530, 500, 501, 503]),
        ("CWD", [250, 421, 500, 501, 502, 530, 550]),
        ("CDUP", [200, 250, 421, 500, 501, 502, 530, 550]),
        ("SMNT", [202, 250, 421, 500, 501, 502, 530, 550]),
        ("REIN", [120, 220, 421, 500, 502]),
        ("QUIT", [221, 500, 0]),
        ("PORT", [200, 421, 500, 501, 530]),
        ("PASV", [227, 421, 500, 501, 502, 530]),
        ("MODE", [200, 421, 500, 501, 502, 504, 530]),
        ("TYPE", [200, 421, 500, 501, 504, 530]),
        ("STRU", [200, 421, 500, 501, 504, 530]),
        ("ALLO", [200, 202, 421, 500, 501, 504, 530]),
        ("REST", [200, 350, 421, 500, 501, 502, 530]),
        ("STOR", [110, 125, 150, 226, 250, 421, 425, 426, 451, 551, 552, 532, 450, 452, 553, 500, 501, 530, 550]),
        ("STOU", [110, 125, 150, 226, 250, 421, 425, 426, 451, 551, 552, 532, 450, 452, 553, 500, 501, 530, 550]),
        ("RETR", [110, 125, 150, 226, 250, 421, 425, 426, 451, 450, 500, 501, 530, 550]),
        ("LIST", [125, 150, 226, 250, 421, 425, 426, 451, 450, 500, 501, 502, 530, 550]),
        ("NLST", [125, 150, 226, 250, 421, 425, 426, 451, 450, 500, 501, 502, 530, 550]),
        ("APPE", [125, 150, 226, 250, 421, 425, 426, 451, 551, 552, 532, 450, 550, 452, 553, 500, 501, 502, 530]),
        ("RNFR", [350, 421, 450, 550, 500, 501, 502, 530]),
        ("RNTO", [250, 421, 532, 553, 500, 501, 502, 503, 530]),
        ("DELE", [250, 421, 450, 550, 500, 501, 502, 530]),
        ("RMD", [250, 421, 500, 501, 502, 530, 550]),
        ("MKD", [257, 421, 500, 501, 502, 530, 550]),
        ("PWD", [257, 421, 500, 501, 502, 550]),
        ("ABOR", [225, 226, 421, 500, 501, 502]),
        ("SYST", [215, 421, 500, 501, 502, 530]),
        ("STAT", [211, 212, 213, 421, 450, 500, 501, 502, 530]),
        ("HELP", [200, 211, 214, 421, 500, 501, 502]),
        ("SITE", [200, 202, 214, 500, 501, 502, 530]),
        ("NOOP", [200, 421, 500]),
        ("LPRT", [500, 501, 521]),
        ("FEAT", [211, 500, 502]),
        ("OPTS", [200, 451, 501]),
        ("EPSV", [229, 500, 501]),
        ("EPRT", [200, 500, 501, 522]),
        ("SIZE", [213, 500, 501, 550]),
        ("MDTM", [213, 500, 501, 550]),
        ("MLST", [150, 226, 250, 500, 501, 550]),
        ("MLSD", [150, 226, 250, 500, 501, 550]),
        ("CLNT", [200, 500]),
        ("MACB", [200, 500, 550]),
        ("<init>", [120, 220, 421, 0]),
    ]
}
