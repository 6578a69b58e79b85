// SPDX-License-Identifier: Apache-2.0
//
// Feeds into indicators: which form a feed has, and what is refused of it.
//
// Reads   a file of a feed, plain or packed.
// Writes  an `IndicatorSet`, and a line for each value that is refused.
// Leaves  the forms themselves (FeedTable.swift, FeedObjects.swift).

import Archive
import Foundation
package import Records

/// The form of a feed.
package enum FeedForm: String, Sendable, CaseIterable {
    /// Chosen by looking at it.
    case auto
    /// A bundle of STIX 2.1.
    case stix
    /// One event of MISP, or several.
    case misp
    /// A tab-separated file of Zeek's intelligence framework.
    case zeek
    case urlhaus
    case threatfox
    case feodo
    case sslbl
    /// Any table, by a mapping of its columns.
    case csv
    /// One value a line, of any kind that its form tells.
    case list
}

/// Choices of reading a feed.
package struct FeedOptions: Sendable {
    package var name: String
    package var form = FeedForm.auto
    /// Of a table: what a column is, by its name or its number from 1. Beside the kinds of indicators there are
    /// `confidence`, `label`, `threat`, `seen`, `expires`, `port`.
    package var mapping: [(column: String, meaning: String)] = []
    /// Confidence of what the feed itself says nothing of.
    package var confidence: UInt8 = 60
    /// Days until indicators expire; nil for those of their kinds, 0 for never.
    package var days: Int?
    package var harmless = HarmlessValues()
    /// Refusals that are kept; more are counted.
    package var refusalsMax = 1000

    package init(name: String) { self.name = name }
}

/// What a feed came to.
package struct FeedOutcome: Sendable {
    package var form = FeedForm.auto
    package var set: IndicatorSet
    /// Lines or objects that were looked at.
    package var readCount = 0
    package var acceptedCount = 0
    /// The same value twice, of which the surer is kept.
    package var doubleCount = 0
    package var expiredCount = 0
    package var sinkholeCount = 0
    package var refusedCount = 0
    package var refusals: [FeedRefusal] = []
    /// What else there is to say of it, a line each.
    package var remarks: [String] = []

    init(_ name: String, _ now: Timestamp) { set = IndicatorSet(name: name, imported: now) }
}

enum FeedFile {
    /// Octets of a feed that are taken, unpacked.
    static let bytesMax = 2 << 30
    /// Feeds pack to a tenth; what unpacks to more than this is none.
    private static let limits = PackedLimits(plainBytesMax: bytesMax, ratioMax: 100, graceBytes: 16 << 20)

    static func read(_ path: String, bytesMax: Int = bytesMax) throws(IntelError) -> [UInt8] {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let size = (attributes?[.size] as? NSNumber)?.intValue else {
            throw IntelError(.unreadable, "there is no such file", path: path, advice: "check the path")
        }
        guard size <= bytesMax else {
            throw IntelError(
                .tooLarge, "the file has more than \(bytesMax >> 20) MiB", path: path, advice: "split it into parts")
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw IntelError(.unreadable, "the file cannot be read", path: path, advice: "check its permissions")
        }
        guard data.count <= bytesMax else {
            throw IntelError(.tooLarge, "the file grows while it is read", path: path, advice: "try again")
        }
        return [UInt8](data)
    }

    /// The octets of a feed; those of gzip, and of a zip archive with one file in it, unpacked.
    static func unpacked(_ path: String) throws(IntelError) -> [UInt8] {
        let octets = try read(path)
        var member: ZipMember?
        if ZipDirectory.isArchive(path) {
            do throws(ZipError) { member = try ZipDirectory.onlyMember(of: path) } catch {
                throw IntelError(.cut, error.reason, path: path, advice: "unpack it, or download it again")
            }
        } else if !octets.starts(with: [0x1F, 0x8B]) {
            return octets
        }
        do throws(PackedDamage) {
            return try PackedFile.whole(path, member: member, limits: limits)
        } catch {
            let code: IntelError.Code = if case .bomb = error { .tooLarge } else { .cut }
            throw IntelError(code, error.feedSentence, path: path, advice: "download it again")
        }
    }
}

extension PackedDamage {
    /// A feed is taken whole or not at all.
    fileprivate var feedSentence: String {
        switch self {
        case .truncated: "the packed file ends before its time"
        case .damaged: "the packed file is damaged"
        case .bomb, .unreadable: sentence
        }
    }
}

/// Reads one feed.
package struct FeedReader {
    private let path: String
    private let options: FeedOptions
    let now: Timestamp
    private(set) var outcome: FeedOutcome
    /// Which value stands in which row, to find doubles; by a hash, since a million values are too many to keep twice.
    private var known: [UInt64: UInt32] = [:]
    private var gone: Set<Int> = []
    private let seed = UInt64.random(in: 0 ... .max)

    /// Reads the feed in a file. `now` is the time at which it came to be known.
    ///
    /// Throws where the file is no feed as a whole: it cannot be read, is a page of HTML, was cut, or has nothing that
    /// could be taken. What is wrong with single values is in the outcome.
    package static func read(path: String, options: FeedOptions, now: Timestamp) throws(IntelError) -> FeedOutcome {
        try read(FeedFile.unpacked(path), path: path, options: options, now: now)
    }

    package static func read(
        _ octets: [UInt8], path: String, options: FeedOptions, now: Timestamp
    ) throws(IntelError) -> FeedOutcome {
        var reader = FeedReader(path: path, options: options, now: now)
        try reader.read(octets)
        return reader.outcome
    }

    private init(path: String, options: FeedOptions, now: Timestamp) {
        (self.path, self.options, self.now) = (path, options, now)
        outcome = FeedOutcome(options.name, now)
    }

    private mutating func read(_ octets: [UInt8]) throws(IntelError) {
        var start = 0
        if octets.starts(with: [0xEF, 0xBB, 0xBF]) { start = 3 }
        guard let first = octets[start...].firstIndex(where: { $0 > 0x20 }) else {
            throw IntelError(.notAFeed, "the file is empty", path: path, advice: "download it again")
        }
        if octets[first] == 0x3C {
            throw IntelError(
                .notAFeed, "this is a page of HTML or XML, not a feed", path: path,
                advice: "look at it: it may tell why the download was refused")
        }
        let isJSON = octets[first] == 0x7B || octets[first] == 0x5B
        var form = options.form
        if form == .auto { form = isJSON ? .auto : try FeedTable.form(octets, mapping: options.mapping, path: path) }
        switch form {
        case .auto, .stix, .misp:
            guard isJSON else {
                throw IntelError(.notAFeed, "this is no JSON", path: path, advice: "give its form with --type")
            }
            var objects = FeedObjects(octets, path: path, form: form)
            try objects.read(into: &self)
        default:
            outcome.form = form
            var table = try FeedTable(octets, path: path, form: form, mapping: options.mapping)
            try table.read(into: &self)
        }
        if !gone.isEmpty { outcome.set.remove { gone.contains($0) } }
        outcome.acceptedCount = outcome.set.count
        guard outcome.acceptedCount > 0 else {
            let why = outcome.refusals.first.map { "; the first refusal: \($0.value): \($0.reason)" } ?? ""
            throw IntelError(
                .notAFeed,
                "nothing in it is an indicator (\(outcome.readCount) read, \(outcome.refusedCount) refused\(why))",
                path: path, advice: "see that it is the feed that you mean, and its form (--type, --map)")
        }
    }

    mutating func choose(_ form: FeedForm) { outcome.form = form }
    mutating func remark(_ line: String) { if outcome.remarks.count < 100 { outcome.remarks.append(line) } }
    mutating func count() { outcome.readCount += 1 }

    mutating func refuse(_ place: Int, _ value: ArraySlice<UInt8>, _ reason: String) {
        outcome.refusedCount += 1
        guard outcome.refusals.count < options.refusalsMax else { return }
        let shown = String(decoding: value.prefix(80).map { $0 < 0x20 || $0 == 0x7F ? 0x3F : $0 }, as: UTF8.self)
        outcome.refusals.append(FeedRefusal(place: place, value: shown, reason: reason))
    }

    /// Takes a value, or refuses it. `confidence` and `expires` where the feed gives them.
    mutating func take(
        _ kind: IndicatorKind, _ text: ArraySlice<UInt8>, place: Int, confidence: UInt8? = nil,
        seen: Timestamp? = nil,
        expires: Timestamp? = nil, label: [UInt8] = [], threat: [UInt8] = []
    ) {
        var indicator = Indicator(kind: kind, value: [], confidence: confidence ?? options.confidence)
        do {
            indicator.value = try IndicatorForm.make(kind, text)
            // A network of one is an address.
            if kind == .network, indicator.value.last == 128 {
                indicator.kind = .address
                indicator.value.removeLast()
            }
        } catch { return refuse(place, text, error.reason) }
        switch options.harmless.check(indicator.kind, indicator.value) {
        case .harmless(let reason)?: return refuse(place, text, reason)
        case .sinkhole?:
            indicator.isSinkhole = true
            outcome.sinkholeCount += 1
        case nil: break
        }
        indicator.seen = seen ?? now
        indicator.label = label
        indicator.threat = threat
        indicator.expires = expires ?? expiry(indicator.kind, seen ?? now)
        if let expires = indicator.expires, expires < now { outcome.expiredCount += 1 }
        guard !outcome.set.isFull else { return refuse(place, text, "the feed has more than can be kept") }
        add(indicator)
    }

    private func expiry(_ kind: IndicatorKind, _ seen: Timestamp) -> Timestamp? {
        guard let days = options.days ?? kind.defaultDays, days > 0 else { return nil }
        return seen.adding(Int64(min(days, 36_500)) * 86_400 * 1_000_000_000)
    }

    /// Adds an indicator. Of the same value twice the surer one stays, and the one that lasts longer.
    private mutating func add(_ indicator: Indicator) {
        let hash = IndicatorIndex.hash(indicator.value[...], indicator.kind, seed)
        if let row = known[hash] {
            let other = outcome.set.rows[Int(row)]
            let isSame = other.kind == indicator.kind && outcome.set.value(other).elementsEqual(indicator.value)
            if isSame {
                outcome.doubleCount += 1
                let expires = indicator.expires.map(IndicatorSet.seconds) ?? .max
                let known = other.expires == 0 ? UInt32.max : other.expires
                guard (indicator.confidence, expires) > (other.confidence, known) else { return }
                gone.insert(Int(row))
            }
        }
        known[hash] = UInt32(outcome.set.count)
        outcome.set.append(indicator, added: now)
    }
}
