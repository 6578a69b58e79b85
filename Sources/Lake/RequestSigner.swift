// SPDX-License-Identifier: Apache-2.0
//
// Signatures of requests to an object store: AWS Signature Version 4 (Amazon S3 API reference, "Authenticating
// requests: using the Authorization header").
//
// Reads   a request's parts, credentials, a time.
// Writes  the header fields that prove who asks.
// Leaves  sending it (`ObjectPlace`), where credentials come from (`Credentials`).

internal import Crypto
internal import Foundation

/// Who asks.
package struct Credentials: Sendable, Equatable {
    package var keyID: String
    package var secret: String
    package var sessionToken: String?

    package init(keyID: String, secret: String, sessionToken: String? = nil) {
        self.keyID = keyID
        self.secret = secret
        self.sessionToken = sessionToken
    }

    /// Out of the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), or of the profile
    /// AWS_PROFILE in the file AWS_SHARED_CREDENTIALS_FILE, or ~/.aws/credentials. Throws `.credentials`.
    package static func find(_ environment: [String: String]) throws(LakeError) -> Credentials {
        if let id = environment["AWS_ACCESS_KEY_ID"], let secret = environment["AWS_SECRET_ACCESS_KEY"] {
            return Credentials(keyID: id, secret: secret, sessionToken: environment["AWS_SESSION_TOKEN"])
        }
        let path = environment["AWS_SHARED_CREDENTIALS_FILE"] ?? (environment["HOME"] ?? "") + "/.aws/credentials"
        let profile = environment["AWS_PROFILE"] ?? "default"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8),
            let found = read(text, profile: profile)
        else {
            throw LakeError(
                .credentials, path, "there are no credentials of profile \(profile)",
                advice: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write the file")
        }
        return found
    }

    /// One profile of a credentials file.
    static func read(_ text: String, profile: String) -> Credentials? {
        var isWanted = false
        var values: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.trimmingCharacters(in: .whitespaces)
            if line.hasPrefix("[") {
                isWanted = line == "[\(profile)]"
            } else if isWanted, !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") {
                let key = line[..<equals].trimmingCharacters(in: .whitespaces).lowercased()
                values[key] = line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces)
            }
        }
        guard let id = values["aws_access_key_id"], let secret = values["aws_secret_access_key"] else { return nil }
        return Credentials(keyID: id, secret: secret, sessionToken: values["aws_session_token"])
    }
}

/// A request as far as it is signed.
struct SignedRequest {
    var method: String
    /// Already encoded, from the first slash on.
    var path: String
    /// Encoded and in order.
    var query = ""
    /// Names in small letters; `host` among them.
    var headers: [String: String]
    /// Of the body, in hexadecimal.
    var payloadDigest: String
}

struct RequestSigner {
    var credentials: Credentials
    var region: String
    var service = "s3"

    /// The header fields to send, with `authorization` among them. `time` is `20130524T000000Z`.
    func sign(_ request: SignedRequest, time: String) -> [String: String] {
        var headers = request.headers
        headers["x-amz-date"] = time
        headers["x-amz-content-sha256"] = request.payloadDigest
        if let token = credentials.sessionToken { headers["x-amz-security-token"] = token }
        let names = headers.keys.sorted()
        let signed = names.joined(separator: ";")
        let canonical = ([
            request.method, request.path, request.query,
        ] + names.map { "\($0):\((headers[$0] ?? "").trimmingCharacters(in: .whitespaces))" } + [
            "", signed, request.payloadDigest,
        ]).joined(separator: "\n")
        let day = String(time.prefix(8))
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let text = ["AWS4-HMAC-SHA256", time, scope, hexadecimal(SHA256.hash(data: Data(canonical.utf8)))]
            .joined(separator: "\n")
        var key = Data("AWS4\(credentials.secret)".utf8)
        for part in [day, region, service, "aws4_request"] { key = authenticate(part, key) }
        let signature = hexadecimal(authenticate(text, key))
        headers["authorization"] =
            "AWS4-HMAC-SHA256 Credential=\(credentials.keyID)/\(scope),SignedHeaders=\(signed),Signature=\(signature)"
        return headers
    }

    private func authenticate(_ text: String, _ key: Data) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: SymmetricKey(data: key)))
    }

    /// A path with every octet encoded that RFC 3986 does not leave alone; slashes stay.
    static func encoded(path: String) -> String {
        var text = ""
        for octet in path.utf8 {
            switch octet {
            case 0x41...0x5A, 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E, 0x5F, 0x7E, 0x2F:
                text.unicodeScalars.append(Unicode.Scalar(octet))
            default:
                let digits = String(octet, radix: 16, uppercase: true)
                text += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return text
    }

    /// `20130524T000000Z`.
    static func time(_ date: Date) -> String {
        let style = Date.ISO8601FormatStyle().dateSeparator(.omitted).timeSeparator(.omitted)
        return date.formatted(style)
    }
}

/// Octets in hexadecimal digits.
func hexadecimal(_ octets: some Sequence<UInt8>) -> String {
    var text = ""
    for octet in octets { text += (octet < 16 ? "0" : "") + String(octet, radix: 16) }
    return text
}
