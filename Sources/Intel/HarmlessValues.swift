// SPDX-License-Identifier: Apache-2.0
//
// Values that feeds have by mistake, or that are ours: lists of them, asked while a feed is read.
//
// Reads   MISP's warninglists (JSON); plain lists of addresses, networks, names and other values.
// Writes  the reason why a value is no indicator, or that it is a sinkhole.
// Leaves  private addresses and public suffixes (IndicatorForm.swift).

import Foundation
import JSON
import Records

/// What is known to be harmless.
package struct HarmlessValues: Sendable {
    private var sets: [IndicatorSet] = []
    private var index = IndicatorIndex([])
    /// Parts of names, of warninglists of the type `substring`.
    private var parts: [(text: [UInt8], list: String)] = []
    /// By the first four octets of the parts that begin so.
    private var partPlaces: [UInt32: [Int]] = [:]
    /// Of each set its addresses and the first addresses of its networks, in order, with their rows.
    private var bases: [[(address: Address, row: IndicatorRow)]] = []
    /// What could not be taken of the lists, a line each.
    package private(set) var remarks: [String] = []

    private static let listBytesMax = 64 << 20
    private static let partsMax = 10_000

    enum Finding: Equatable {
        /// Not to be an indicator, for the reason.
        case harmless(String)
        /// The address or name of those who watch what was taken over.
        case sinkhole
    }

    /// Resolvers and services that everybody's hosts talk to; nobody's list of them is needed for these.
    package init() {
        var set = IndicatorSet(name: "services that everybody uses", imported: .zero)
        for text in HarmlessValues.usual {
            HarmlessValues.add(text, to: &set)
        }
        take(set)
    }

    private static let usual = [
        "8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "149.112.112.112", "208.67.222.222", "208.67.220.220",
        "2001:4860:4860::8888", "2001:4860:4860::8844", "2606:4700:4700::1111", "2606:4700:4700::1001", "2620:fe::fe",
        "google.com", "googleapis.com", "gstatic.com", "youtube.com", "microsoft.com", "windowsupdate.com",
        "live.com",
        "office.com", "office365.com", "apple.com", "icloud.com", "amazon.com", "facebook.com", "mozilla.org",
        "wikipedia.org", "github.com", "debian.org", "ubuntu.com", "akamai.net", "akamaiedge.net", "cloudflare.com",
        "digicert.com", "letsencrypt.org", "lencr.org",
    ]

    /// A list of the operator's own: one value a line, `#` begins a remark.
    package mutating func allow(path: String) throws(IntelError) {
        let octets = try FeedFile.read(path, bytesMax: HarmlessValues.listBytesMax)
        var set = IndicatorSet(name: "the allow-list \(path)", imported: .zero)
        for line in octets.split(separator: 0x0A) {
            let text = line.prefix { $0 != 0x23 }
            let value = String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            guard !value.isEmpty else { continue }
            if !HarmlessValues.add(value, to: &set) { remarks.append("\(path): “\(value)” is not understood") }
        }
        take(set)
    }

    /// A warninglist of MISP: `{"name": …, "type": "string", "list": […]}`.
    package mutating func warn(path: String) throws(IntelError) {
        let octets = try FeedFile.read(path, bytesMax: HarmlessValues.listBytesMax)
        let document: JSONDocument
        do { document = try JSONDocument(octets) } catch {
            throw IntelError(.notAFeed, "this is no JSON: \(error)", path: path, advice: "give a list.json of MISP")
        }
        let name = document.root.member("name")?.string ?? path
        let type = document.root.member("type")?.string ?? "string"
        guard let list = document.root.member("list"), list.isArray else {
            throw IntelError(
                .notAFeed, "it has no “list”", path: path, advice: "give a list.json of MISP's warninglists")
        }
        guard type != "regex" else {
            return remarks.append("\(path): lists of regular expressions are not understood; it is left out")
        }
        var set = IndicatorSet(name: name, imported: .zero)
        for element in list.elements {
            guard let text = element.string else { continue }
            if type == "substring" {
                guard parts.count < HarmlessValues.partsMax, text.utf8.count >= 4 else { continue }
                let part = Array(text.lowercased().utf8)
                partPlaces[HarmlessValues.start(part, 0), default: []].append(parts.count)
                parts.append((part, name))
            } else {
                HarmlessValues.add(text, to: &set, isExact: type == "string")
            }
        }
        take(set)
    }

    private mutating func take(_ set: IndicatorSet) {
        sets.append(set)
        index = IndicatorIndex(sets)
        bases.append(
            set.rows.filter { $0.kind == .address || $0.kind == .network }.map {
                (IndicatorForm.address(of: set.value($0).prefix(16)), $0)
            }.sorted { $0.address < $1.address })
    }

    /// Adds a value under the kind that it looks like.
    @discardableResult
    private static func add(_ text: String, to set: inout IndicatorSet, isExact: Bool = false) -> Bool {
        let octets = Array(text.utf8)[...]
        var value = Indicator(kind: .hostname, value: [], confidence: 100)
        if let address = Address(octets: octets) {
            (value.kind, value.value) = (.address, IndicatorForm.octets(address))
        } else if let slash = octets.lastIndex(of: 0x2F), let address = Address(octets: octets[..<slash]),
            let bits = IndicatorForm.number(octets[(slash + 1)...]), bits <= (address.isV4 ? 32 : 128)
        {
            let all = address.isV4 ? bits + 96 : bits
            (value.kind, value.value) =
                (.network, IndicatorForm.octets(IndicatorForm.mask(address, all)) + [UInt8(all)])
        } else if let digest = IndicatorForm.hexadecimal(octets), [16, 20, 32].contains(digest.count) {
            (value.kind, value.value) = (.file, digest)
        } else if let name = try? IndicatorForm.name(Array(octets), takesSuffixes: false) {
            (value.kind, value.value) = (isExact ? .hostname : .domain, name)
        } else if let url = try? IndicatorForm.make(.url, octets) {
            (value.kind, value.value) = (.url, url)
        } else {
            return false
        }
        guard !set.isFull else { return false }
        set.append(value, added: .zero)
        return true
    }

    // MARK: asking

    /// What is to be said against an indicator; nil where there is nothing.
    func check(_ kind: IndicatorKind, _ value: [UInt8]) -> Finding? {
        var found: [IndicatorHit] = []
        switch kind {
        case .address, .endpoint: index.find(IndicatorForm.address(of: value[...]), port: nil, &found)
        case .network: return checkNetwork(value)
        case .domain, .hostname: index.find(name: value[...], &found)
        case .url:
            index.find(.url, value[...], &found)
        case .file: index.find(.file, value[...], &found)
        case .certificate, .ja3, .ja3s, .ja4, .email, .userAgent, .userName, .fileName, .software: break
        }
        if let hit = found.first { return finding(index.set(hit).name, index.value(hit), index.row(hit).kind) }
        guard kind == .domain || kind == .hostname else { return nil }
        for place in 0..<max(value.count - 3, 0) {
            for number in partPlaces[HarmlessValues.start(value, place)] ?? []
            where value[place...].starts(with: parts[number].text) {
                return finding(parts[number].list, parts[number].text[...], .domain)
            }
        }
        return nil
    }

    /// Four octets from `place` on as a number; they must be there.
    private static func start(_ text: [UInt8], _ place: Int) -> UInt32 {
        text[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// A network that holds what is harmless hits it too.
    private func checkNetwork(_ value: [UInt8]) -> Finding? {
        let bits = Int(value.last ?? 128)
        let network = IndicatorForm.address(of: value.prefix(16))
        // Of two networks one holds the other, or they have nothing in common: its first address tells what holds it.
        var found: [IndicatorHit] = []
        index.find(network, port: nil, &found)
        if let hit = found.min(by: { $0.set < $1.set }) {
            return finding(index.set(hit).name, index.value(hit), index.row(hit).kind)
        }
        for (set, bases) in zip(sets, bases) {
            var range = bases.startIndex..<bases.endIndex
            while !range.isEmpty {
                let middle = range.lowerBound + range.count / 2
                range = bases[middle].address < network ? middle + 1..<range.upperBound : range.lowerBound..<middle
            }
            guard range.lowerBound < bases.count else { continue }
            let next = bases[range.lowerBound]
            if IndicatorForm.mask(next.address, bits) == network {
                return finding(set.name, set.value(next.row), next.row.kind)
            }
        }
        return nil
    }

    private func finding(_ list: String, _ value: ArraySlice<UInt8>, _ kind: IndicatorKind) -> Finding {
        if list.lowercased().contains("sinkhole") { return .sinkhole }
        return .harmless("\(IndicatorForm.text(kind, value)) stands on “\(list)”")
    }
}
