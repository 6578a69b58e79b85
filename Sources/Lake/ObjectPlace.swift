// SPDX-License-Identifier: Apache-2.0
//
// A lake in a bucket of an object store that speaks S3.
//
// Reads   segments.
// Writes  objects, each once: with a checksum that the store compares, and only where the key is free.
// Leaves  signatures (`RequestSigner`), which segments (`Shipper`).

internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1

/// How an object store is reached.
package struct ObjectStoreSettings: Sendable {
    /// Such as `https://minio.example:9000`; nil is Amazon's own for the region. Then the bucket stands in the path.
    package var endpoint: String?
    package var region = "us-east-1"
    package var credentials: Credentials

    package init(credentials: Credentials) { self.credentials = credentials }

    /// Out of the environment: AWS_REGION or AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL. Throws
    /// `.credentials`.
    package static func find(
        _ environment: [String: String], endpoint: String? = nil
    ) throws(LakeError) -> ObjectStoreSettings {
        var settings = ObjectStoreSettings(credentials: try Credentials.find(environment))
        settings.region = environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? settings.region
        settings.endpoint = endpoint ?? environment["AWS_ENDPOINT_URL_S3"] ?? environment["AWS_ENDPOINT_URL"]
        return settings
    }
}

package final class ObjectPlace: LakePlace {
    package let name: String
    private let bucket: String
    private let prefix: String
    private let settings: ObjectStoreSettings
    private let base: URL
    private let client: HTTPClient

    private static let triesMax = 4
    private static let secondsMax: Int64 = 600

    /// `place` is `s3://bucket/prefix`. Throws `.place`.
    package init(_ place: String, _ settings: ObjectStoreSettings) throws(LakeError) {
        (bucket, prefix) = try LakePlaces.bucket(place)
        self.settings = settings
        name = "s3://\(bucket)" + (prefix.isEmpty ? "" : "/" + prefix)
        let address = settings.endpoint ?? "https://\(bucket).s3.\(settings.region).amazonaws.com"
        guard let url = URL(string: address), url.host != nil, ["http", "https"].contains(url.scheme ?? "") else {
            throw LakeError(.place, address, "this is no address", advice: "write it as https://host:port")
        }
        base = url
        client = HTTPClient(eventLoopGroupProvider: .singleton)
    }

    deinit { try? client.syncShutdown() }

    package func put(file: String, key: String) throws(LakeError) -> PutOutcome {
        guard let digest = FileDigest.sha256(file),
            let size = (try? FileManager.default.attributesOfItem(atPath: file))?[.size] as? Int
        else {
            throw LakeError(.store, file, "the segment cannot be read", advice: "see weir store check")
        }
        let checksum = Data(digest).base64EncodedString()
        var tries = 0
        while true {
            tries += 1
            let answer: (status: UInt, text: String)
            do {
                answer = try send(
                    "PUT", key,
                    [
                        "if-none-match": "*", "x-amz-checksum-sha256": checksum,
                        "x-amz-meta-sha256": hexadecimal(digest),
                    ], hexadecimal(digest), body: (file, size))
            } catch {
                guard tries < ObjectPlace.triesMax else { throw error }
                wait(tries)
                continue
            }
            switch answer.status {
            case 200...299: return .written
            case 412, 409:
                // It is there: from an earlier run, or from a try whose answer was lost.
                return try compare(key, hexadecimal(digest), size)
            case 500...599 where tries < ObjectPlace.triesMax: wait(tries)
            default: throw refusal(key, answer)
            }
        }
    }

    private func wait(_ tries: Int) { Thread.sleep(forTimeInterval: 0.2 * Double(1 << tries)) }

    /// Compares what is there by the digest that was put with it.
    private func compare(_ key: String, _ digest: String, _ size: Int) throws(LakeError) -> PutOutcome {
        let (status, text, headers) = try exchange("HEAD", key, [:], FileDigest.ofNothing, body: nil)
        guard status == 200 else { throw refusal(key, (status, text)) }
        let length = headers.first(name: "content-length").flatMap { Int($0) }
        guard headers.first(name: "x-amz-meta-sha256") == digest, length == size else {
            throw LakeError(
                .conflict, "\(name)/\(key)", "another object has this name",
                advice: "give each sensor a name of its own (setting sensor.name), or ship to another place")
        }
        return .alreadyThere
    }

    private func refusal(_ key: String, _ answer: (status: UInt, text: String)) -> LakeError {
        // The body is XML with a <Code>: SlowDown, AccessDenied, NoSuchBucket.
        var reason = "status \(answer.status)"
        if let start = answer.text.range(of: "<Code>"), let end = answer.text.range(of: "</Code>"),
            start.upperBound <= end.lowerBound
        {
            reason += ", " + answer.text[start.upperBound..<end.lowerBound]
        }
        let isForbidden = answer.status == 401 || answer.status == 403
        return LakeError(
            isForbidden ? .credentials : .refused, "\(name)/\(key)", "the object store refused: \(reason)",
            advice: isForbidden
                ? "see that the credentials may put and head objects there"
                : "see that the bucket is there; ship again goes on from here")
    }

    private func send(
        _ method: String, _ key: String, _ headers: [String: String], _ digest: String, body: (file: String, size: Int)?
    ) throws(LakeError) -> (status: UInt, text: String) {
        let (status, text, _) = try exchange(method, key, headers, digest, body: body)
        return (status, text)
    }

    private func exchange(
        _ method: String, _ key: String, _ headers: [String: String], _ digest: String, body: (file: String, size: Int)?
    ) throws(LakeError) -> (UInt, String, HTTPHeaders) {
        let place = (settings.endpoint == nil ? [] : [bucket]) + (prefix.isEmpty ? [] : [prefix]) + [key]
        let root = base.path.hasSuffix("/") ? base.path : base.path + "/"
        let path = RequestSigner.encoded(path: root + place.joined(separator: "/"))
        var host = base.host ?? ""
        if let port = base.port { host += ":\(port)" }
        var fields = headers
        fields["host"] = host
        let signer = RequestSigner(credentials: settings.credentials, region: settings.region)
        let request = SignedRequest(method: method, path: path, headers: fields, payloadDigest: digest)
        let signed = signer.sign(request, time: RequestSigner.time(Date()))
        do {
            var message = try HTTPClient.Request(
                url: "\(base.scheme ?? "https")://\(host)\(path)", method: HTTPMethod(rawValue: method))
            for (name, value) in signed.sorted(by: { $0.key < $1.key }) where name != "host" {
                message.headers.add(name: name, value: value)
            }
            message.headers.add(name: "host", value: host)
            if let body { message.body = ObjectPlace.body(body.file, body.size) }
            let answer = try client.execute(
                request: message, deadline: .now() + .seconds(ObjectPlace.secondsMax)
            ).wait()
            let text = answer.body.map { String(buffer: $0) } ?? ""
            return (answer.status.code, String(text.prefix(2000)), answer.headers)
        } catch {
            throw LakeError(
                .refused, "\(base.scheme ?? "https")://\(host)", "no answer: \(error)",
                advice: "see that the address is right and reachable; ship again goes on from here")
        }
    }

    /// A file as a body, read piece by piece.
    private static func body(_ file: String, _ size: Int) -> HTTPClient.Body {
        .stream(contentLength: Int64(size)) { writer in
            let reader = PieceReader(file)
            @Sendable func next() -> EventLoopFuture<Void> {
                guard let piece = reader.next() else { return writer.write(.byteBuffer(ByteBuffer())) }
                return writer.write(.byteBuffer(piece)).flatMap { next() }
            }
            return next()
        }
    }
}

/// Pieces of a file, one after another; used by one thread at a time.
private final class PieceReader: Sendable {
    private let path: String
    private let handle: FileHandle?
    private static let pieceBytes = 1 << 20

    init(_ path: String) {
        self.path = path
        handle = FileHandle(forReadingAtPath: path)
    }

    deinit { try? handle?.close() }

    func next() -> ByteBuffer? {
        guard let piece = try? handle?.read(upToCount: PieceReader.pieceBytes), !piece.isEmpty else { return nil }
        return ByteBuffer(bytes: piece)
    }
}
