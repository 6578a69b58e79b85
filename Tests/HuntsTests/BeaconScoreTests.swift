// SPDX-License-Identifier: Apache-2.0
//
// The beacon score against the numbers that RITA's own tests expect (activecm/rita, analysis/beacons_test.go).

import Testing

@testable import Hunts

private let start: Int64 = 1_517_338_924

/// A time that follows `start` and gaps.
private func times(_ gaps: [Int64]) -> [Int64] {
    gaps.reduce(into: [start]) { $0.append($0[$0.count - 1] + $1) }
}

private func isNear(_ left: Double, _ right: Double) -> Bool { abs(left - right) <= 0.001 }

private let closeGaps: [Int64] = [98, 99, 99, 100, 100, 100, 101, 101, 102]
private let randomSizes: [Double] = [524_885, 1, 5000, 98_654, 50, 41, 965_842, 3]

@Suite struct BeaconScoreTests {
    struct Listed: Sendable {
        var values: [Int64]
        var score: Double
        var skewness: Double
        var deviation: Double
    }

    @Test(arguments: [
        Listed(values: Array(1...10), score: 1, skewness: 0, deviation: 0),
        Listed(values: times(Array(repeating: 60, count: 9)), score: 1, skewness: 0, deviation: 0),
        Listed(values: times(closeGaps), score: 0.995, skewness: 0, deviation: 1),
        Listed(
            values: times([98, 300, 98, 300, 98, 300, 98, 300, 98, 300]), score: 0.746, skewness: 0, deviation: 101),
        Listed(
            values: times([1, 299, 25, 4975, 90, 2, 42, 500, 1500]), score: 0.083, skewness: 0.845, deviation: 89),
    ])
    func `times score as RITA scores them`(_ listed: Listed) throws {
        let found = try #require(BeaconMath.timeScore(listed.values))
        #expect(isNear(found.score, listed.score))
        #expect(isNear(found.skewness, listed.skewness))
        #expect(isNear(found.deviation, listed.deviation))
    }

    @Test(arguments: [[Int64](repeating: 60, count: 9), [start, start + 1], []])
    func `too few different times have no score`(_ values: [Int64]) {
        #expect(BeaconMath.timeScore(values) == nil)
    }

    @Test(arguments: [
        Listed(values: Array(1...10), score: 0.773, skewness: 0, deviation: 2.5),
        Listed(values: Array(repeating: 60, count: 9), score: 1, skewness: 0, deviation: 0),
        Listed(values: closeGaps, score: 0.995, skewness: 0, deviation: 1),
        Listed(values: randomSizes.map { Int64($0) }, score: 0.008, skewness: 0.984, deviation: 2523),
        Listed(values: Array(repeating: 0, count: 10), score: 0.5, skewness: 0, deviation: 0),
    ])
    func `sizes score as RITA scores them`(_ listed: Listed) throws {
        var values = listed.values.map { Double($0) }
        let found = try #require(BeaconMath.sizeScore(&values))
        #expect(isNear(found.score, listed.score))
        #expect(isNear(found.skewness, listed.skewness))
        #expect(isNear(found.deviation, listed.deviation))
    }

    @Test(arguments: [[100.0, 200], []]) func `too few sizes have no score`(_ values: [Double]) {
        var values = values
        #expect(BeaconMath.sizeScore(&values) == nil)
    }

    struct Statistic: Sendable {
        var values: [Double]
        var scoreOfNone: Double
        var skewness: Double
        var deviation: Double
        var score: Double
    }

    @Test(arguments: [
        Statistic(
            values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], scoreOfNone: 0, skewness: 0, deviation: 2.5, score: 0.773),
        Statistic(
            values: [1, 299, 25, 4975, 90, 2, 42, 500, 1500], scoreOfNone: 1, skewness: 0.845, deviation: 89,
            score: 0.083),
        Statistic(values: randomSizes, scoreOfNone: 0, skewness: 0.983, deviation: 2523, score: 0.009),
        Statistic(values: Array(repeating: 0, count: 10), scoreOfNone: 0, skewness: 0, deviation: 0, score: 0.5),
        Statistic(values: Array(repeating: 0, count: 10), scoreOfNone: 1, skewness: 0, deviation: 0, score: 1),
        Statistic(
            values: [-1, -2, -3, -4, -5, -6, -7, -8, -9, -10], scoreOfNone: 0, skewness: 0, deviation: 2.5, score: 0.5),
        Statistic(values: [7, 8, 7, 8, 7, 8, 7, 8, 7], scoreOfNone: 1, skewness: 0, deviation: 0, score: 1),
        Statistic(values: [1, 1, 2, 2, 2, 2], scoreOfNone: 1, skewness: 0, deviation: 0, score: 1),
    ])
    func `lists of numbers score as RITA scores them`(_ statistic: Statistic) throws {
        let found = try #require(
            BeaconMath.regularity(statistic.values.sorted(), scoreOfNone: statistic.scoreOfNone))
        #expect(isNear(found.skewness, statistic.skewness))
        #expect(isNear(found.deviation, statistic.deviation))
        #expect(isNear(found.score, statistic.score))
    }

    @Test(arguments: [
        ([1, 2, 2, 3, 3, 3, 4, 5, 5], 1, 0.6667), ([11, 12, 12, 14, 15, 16], 1.5, 0.8846),
        ([1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000, 5500], 1250, 0.6154),
    ])
    func `the median deviation is RITA's`(_ values: [Double], _ deviation: Double, _ score: Double) throws {
        let found = try #require(BeaconMath.scatter(values, scoreOfNone: 1))
        #expect(isNear(found.deviation, deviation))
        #expect(isNear(found.score, score))
    }

    @Test func `walking outwards finds the median distance that sorting finds`() throws {
        var numbers = SystemRandomNumberGenerator()
        for count in 1...40 {
            let values = (0..<count).map { _ in Double(Int.random(in: 0..<50, using: &numbers)) }.sorted()
            let centre = BeaconMath.median(values[...])
            let distances = values.map { abs($0 - centre) }.sorted()
            #expect(BeaconMath.scatter(values, scoreOfNone: 1)?.deviation == BeaconMath.median(distances[...]))
        }
    }

    @Test func `fewer than three numbers have no skewness`() {
        #expect(BeaconMath.skewness([1, 2]) == nil)
        #expect(BeaconMath.skewness([]) == nil)
        #expect(BeaconMath.skewness([1.1, 2.2, 3.3, 4.4, 5.5, 6.6, 7.7]) == 0)
    }

    struct Duration: Sendable {
        var first: Int64
        var last: Int64
        var bars: Int
        var run: Int
        var coverage: Double
        var consistency: Double
        var score: Double
    }

    @Test(arguments: [
        Duration(first: 0, last: 24, bars: 24, run: 24, coverage: 1, consistency: 1, score: 1),
        Duration(first: 0, last: 24, bars: 6, run: 0, coverage: 1, consistency: 0, score: 1),
        Duration(first: 12, last: 24, bars: 6, run: 0, coverage: 0.5, consistency: 0, score: 0.5),
        Duration(first: 0, last: 12, bars: 6, run: 0, coverage: 0.5, consistency: 0, score: 0.5),
        Duration(first: 6, last: 24, bars: 6, run: 0, coverage: 0.75, consistency: 0, score: 0.75),
        Duration(first: 12, last: 24, bars: 12, run: 12, coverage: 0.5, consistency: 1, score: 1),
        Duration(first: 12, last: 18, bars: 6, run: 6, coverage: 0.25, consistency: 0.5, score: 0.5),
        Duration(first: 6, last: 18, bars: 12, run: 6, coverage: 0.5, consistency: 0.5, score: 0.5),
        Duration(first: 6, last: 18, bars: 3, run: 1, coverage: 0, consistency: 0, score: 0),
    ])
    func `durations score as RITA scores them`(_ duration: Duration) throws {
        let counts = HeightCounts(groups: [:], barCount: duration.bars, longestRun: duration.run)
        let found = try #require(
            BeaconMath.durationScore(
                range: start ... start + 24 * 3600, first: start + duration.first * 3600,
                last: start + duration.last * 3600, counts, BeaconSettings()))
        #expect(isNear(found.coverage, duration.coverage))
        #expect(isNear(found.consistency, duration.consistency))
        #expect(isNear(found.score, duration.score))
    }

    @Test func `an impossible duration has no score`() {
        let counts = HeightCounts(groups: [:], barCount: 12, longestRun: 6)
        var settings = BeaconSettings()
        #expect(BeaconMath.durationScore(range: 0...1, first: 1, last: 0, counts, settings) == nil)
        #expect(BeaconMath.durationScore(range: 1...1, first: 0, last: 1, counts, settings) == nil)
        settings.durationBinsIdeal = 0
        #expect(BeaconMath.durationScore(range: 0...9, first: 0, last: 9, counts, settings) == nil)
        settings = BeaconSettings()
        settings.durationBinsMin = 0
        #expect(BeaconMath.durationScore(range: 0...9, first: 0, last: 9, counts, settings) == nil)
    }
}

@Suite struct BeaconHistogramTests {
    struct Case: Sendable {
        var range: ClosedRange<Int64>
        var times: [Int64]
        var bimodalBinsMin: Int
        var binCount: Int
        var bars: [Int]
        var groups: [Int: Int]
        var longestRun: Int
        var score: Double
    }

    private static let day = start ... start + 24 * 3600
    private static let hourly: [Int64] = (0..<24).map { start + $0 * 3600 }
    private static let minutes: [Int64] = (0..<10).map { start + $0 * 60 }
    private static let oneBar = [10] + [Int](repeating: 0, count: 23)
    private static let growing: [Int64] = (1...10).flatMap { [Int64](repeating: $0, count: Int($0)) }
    private static let ones: [Int: Int] = Dictionary(uniqueKeysWithValues: (1...10).map { ($0, 1) })
    private static let scattered: [Int64] = [
        1, 3, 41, 50, 5000, 12_001, 98_654, 104_001, 199_999, 200_400, 524_885, 965_842,
    ]
    private static let fourAndOne: [Int64] = [
        1, 2, 3, 4, 15, 21, 22, 23, 24, 35, 41, 42, 43, 44, 55, 61, 62, 63, 64, 75, 81, 82, 83, 84, 95,
    ]

    private static let cases: [Case] = [
        Case(
            range: 1...11, times: growing, bimodalBinsMin: 6, binCount: 10, bars: Array(1...10), groups: ones,
            longestRun: 10, score: 0.478),
        Case(
            range: day, times: hourly, bimodalBinsMin: 11, binCount: 24, bars: [Int](repeating: 1, count: 24),
            groups: [1: 24], longestRun: 24, score: 1),
        Case(
            range: 98...102, times: [98, 99, 99, 100, 100, 100, 101, 101, 102], bimodalBinsMin: 6, binCount: 8,
            bars: [1, 0, 2, 0, 3, 0, 2, 1], groups: [1: 2, 2: 2, 3: 1], longestRun: 3, score: 0.064),
        Case(
            range: 0...1_000_000, times: scattered, bimodalBinsMin: 6, binCount: 10,
            bars: [7, 2, 1, 0, 0, 1, 0, 0, 0, 1], groups: [1: 3, 2: 1, 7: 1], longestRun: 4, score: 0),
        Case(
            range: 0...100, times: fourAndOne, bimodalBinsMin: 6, binCount: 10, bars: [4, 1, 4, 1, 4, 1, 4, 1, 4, 1],
            groups: [1: 5, 4: 5], longestRun: 10, score: 1),
        Case(
            range: 0...250, times: [10, 20, 100, 110, 110, 220], bimodalBinsMin: 6, binCount: 5, bars: [2, 0, 3, 0, 1],
            groups: [1: 1, 2: 1, 3: 1], longestRun: 2, score: 0.028),
        Case(
            range: day, times: minutes, bimodalBinsMin: 11, binCount: 24, bars: oneBar, groups: [10: 1], longestRun: 1,
            score: 0),
        Case(
            range: day, times: minutes, bimodalBinsMin: 1, binCount: 24, bars: oneBar, groups: [10: 1], longestRun: 1,
            score: 0),
    ]

    @Test(arguments: cases)
    func `histograms score as RITA scores them`(_ one: Case) throws {
        let bars = try #require(BeaconMath.histogram(one.times, range: one.range, binCount: one.binCount))
        #expect(bars == one.bars)
        var settings = BeaconSettings()
        settings.bimodalBinsMin = one.bimodalBinsMin
        let counts = try #require(BeaconMath.heights(bars, sensitivity: settings.modeSensitivity))
        #expect(counts.groups == one.groups)
        #expect(counts.longestRun == one.longestRun)
        #expect(counts.barCount == one.bars.count { $0 > 0 })
        let score = try #require(BeaconMath.histogramScore(bars, counts, settings))
        #expect(isNear(score, one.score))
    }

    @Test func `no time and no range make no histogram`() {
        #expect(BeaconMath.histogram([], range: 0...10, binCount: 24) == nil)
        #expect(BeaconMath.histogram([1], range: 1...1, binCount: 24) == nil)
        #expect(BeaconMath.histogram([1], range: 0...10, binCount: 0) == nil)
        #expect(BeaconMath.histogram([1], edges: [10]) == nil)
    }

    struct Heights: Sendable {
        var bars: [Int]
        var sensitivity: Double
        var groups: [Int: Int]
        var longestRun: Int
    }

    private static let hundreds = [100, 100, 101, 101, 102, 200, 200, 201, 201, 202, 300, 300, 301, 301, 302]

    @Test(arguments: [
        Heights(bars: [Int](repeating: 2, count: 10), sensitivity: 0.05, groups: [2: 10], longestRun: 10),
        Heights(bars: [2, 0, 2, 0, 2, 0, 2, 0, 2, 0], sensitivity: 0.05, groups: [2: 5], longestRun: 1),
        Heights(
            bars: [2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 0], sensitivity: 0.05, groups: [2: 5, 4: 4],
            longestRun: 5),
        Heights(bars: [900, 901, 899, 900, 899, 902, 900, 901], sensitivity: 0.05, groups: [874: 8], longestRun: 8),
        Heights(bars: [100, 105, 100, 300, 305, 300], sensitivity: 0.1, groups: [93: 3, 279: 3], longestRun: 6),
        Heights(
            bars: [100, 105, 100, 300, 305, 300, 500, 505, 500, 700, 705, 700], sensitivity: 0.1,
            groups: [71: 3, 284: 3, 497: 3, 639: 3], longestRun: 12),
        Heights(
            bars: hundreds, sensitivity: 0.001,
            groups: [100: 2, 101: 2, 102: 1, 200: 2, 201: 2, 202: 1, 300: 2, 301: 2, 302: 1], longestRun: 15),
        Heights(bars: hundreds, sensitivity: 0.1, groups: [93: 5, 186: 5, 279: 5], longestRun: 15),
        Heights(
            bars: [2002, 2000, 1999, 2005, 1990, 0, 0, 0, 0, 0, 0, 2000, 2001, 2002, 2003, 2004], sensitivity: 0.05,
            groups: [1919: 10], longestRun: 10),
        Heights(
            bars: [9, 10, 11, 10, 11, 9, 10, 11, 10, 9, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2], sensitivity: 0.3,
            groups: [0: 10, 8: 10], longestRun: 20),
        Heights(
            bars: [9, 10, 11, 10, 11, 9, 10, 11, 10, 9], sensitivity: 0.2, groups: [9: 10], longestRun: 10),
    ])
    func `bars are grouped as RITA groups them`(_ heights: Heights) throws {
        let found = try #require(BeaconMath.heights(heights.bars, sensitivity: heights.sensitivity))
        #expect(found.groups == heights.groups)
        #expect(found.longestRun == heights.longestRun)
    }

    @Test func `flat histograms score high`() throws {
        #expect(BeaconMath.flatnessScore([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) == 1)
        #expect(BeaconMath.flatnessScore([950, 970, 990, 1010, 1030, 1050, 1070]) == 0.96)
        #expect(isNear(try #require(BeaconMath.flatnessScore(Array(1000...1009))), 0.9971))
        #expect(BeaconMath.flatnessScore([1, 5, 10, 50, 100, 500, 1000, 5000, 10_000]) == 0)
    }

    @Test(arguments: [[Int](), [-5, -10], [0, 0, 0]]) func `an empty histogram has no flatness`(_ bars: [Int]) {
        #expect(BeaconMath.flatnessScore(bars) == nil)
    }

    struct Bimodal: Sendable {
        var groups: [Int: Int]
        var bars: Int
        var binsMin: Int
        var score: Double?
    }

    @Test(arguments: [
        Bimodal(groups: [1: 10], bars: 10, binsMin: 10, score: 1),
        Bimodal(groups: [1: 50, 2: 5], bars: 60, binsMin: 10, score: 0.932),
        Bimodal(groups: [1: 10, 2: 1], bars: 11, binsMin: 10, score: 1),
        Bimodal(groups: [1: 50, 2: 1, 3: 1], bars: 56, binsMin: 10, score: 0.927),
        Bimodal(groups: [1: 50, 2: 30, 3: 1, 4: 2], bars: 83, binsMin: 10, score: 0.976),
        Bimodal(groups: [1: 10, 2: 10, 3: 1], bars: 21, binsMin: 10, score: 1),
        Bimodal(groups: [1: 50, 2: 30, 3: 1, 4: 2, 5: 1], bars: 84, binsMin: 10, score: 0.964),
        Bimodal(groups: [1: 2, 2: 3], bars: 5, binsMin: 11, score: 0),
        Bimodal(groups: [1: 1, 2: 1], bars: 2, binsMin: 2, score: 0),
        Bimodal(groups: [1: 2, 2: 3], bars: 0, binsMin: 11, score: nil),
        Bimodal(groups: [:], bars: 20, binsMin: 11, score: nil),
    ])
    func `two heights score as RITA scores them`(_ bimodal: Bimodal) {
        var settings = BeaconSettings()
        settings.bimodalBinsMin = bimodal.binsMin
        let counts = HeightCounts(groups: bimodal.groups, barCount: bimodal.bars, longestRun: 0)
        let found = BeaconMath.bimodalScore(counts, settings)
        #expect((found == nil) == (bimodal.score == nil))
        #expect(isNear(found ?? 0, bimodal.score ?? 0))
    }

    @Test func `the whole score is the weighted mean to three decimals`() throws {
        var times = (0..<1440).map { start + Int64($0) * 60 }
        var sizes = [Double](repeating: 552, count: 1440)
        let perfect = try #require(
            BeaconScore(times: &times, sizes: &sizes, range: start ... start + 86_399, BeaconSettings()))
        #expect(perfect.score == 1)
        sizes = [0, 0, 0, 0] + [Double](repeating: 0, count: 1436)
        let silent = try #require(
            BeaconScore(times: &times, sizes: &sizes, range: start ... start + 86_399, BeaconSettings()))
        #expect(silent.sizes == 0.5)
        #expect(silent.score == 0.875)
    }
}

@Suite struct ThreatScoreTests {
    @Test func `buckets are straight lines between RITA's bounds`() {
        #expect(ThreatBuckets.beacon.score(49.9) == 0)
        #expect(isNear(ThreatBuckets.beacon.score(50), 0.2))
        #expect(isNear(ThreatBuckets.beacon.score(60), 0.3))
        #expect(isNear(ThreatBuckets.beacon.score(80), 0.5))
        #expect(isNear(ThreatBuckets.beacon.score(100), 0.8))
        #expect(isNear(ThreatBuckets.longConnection.score(36_000), 0.7))
        #expect(isNear(ThreatBuckets.longConnection.score(1e9), 0.8))
        #expect(isNear(ThreatBuckets.namesBelow.score(300), 0.3))
        #expect(ThreatBuckets.namesBelow.score(.nan) == 0)
    }

    @Test func `the gravest deed counts, and what speaks for or against it`() {
        var score = ThreatScore()
        score.beacon = 0.5
        score.longConnection = 0.3
        score.setPrevalence(hosts: 1, of: 100)
        score.missingHost = ThreatScore.missingHostModifier
        #expect(isNear(score.final, 0.75))
        #expect(score.severity == .high)
        score.setPrevalence(hosts: 60, of: 100)
        score.setFirstSeen(days: 31)
        #expect(isNear(score.final, 0.3))
        #expect(score.severity == .low)
        score = ThreatScore()
        score.setFirstSeen(days: 40)
        #expect(score.final == 0)
        #expect(score.severity == .none)
    }
}
