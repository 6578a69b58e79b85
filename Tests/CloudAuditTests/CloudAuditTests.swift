// SPDX-License-Identifier: Apache-2.0
//
// Cloud audit logs become records: what each provider's record says, and what is kept of it.

import Foundation
import JSON
import Records
import Testing

@testable import CloudAudit

private func normalised(_ json: String) throws -> (CloudAuditRecord, CloudKey) {
    let document = try JSONDocument(json)
    let opened = try #require(OpenedRecord(document.root))
    var normaliser = Normaliser()
    try normaliser.normalise(opened, now: Timestamp(seconds: 1))
    return (normaliser.record, normaliser.key)
}

let cloudTrailRecord = """
    {"eventVersion":"1.09","userIdentity":{"type":"AssumedRole","principalId":"AROAX:cli",\
    "arn":"arn:aws:sts::1:assumed-role/r/cli",\
    "accountId":"1","accessKeyId":"ASIAX","sessionContext":{"sessionIssuer":{"userName":"r",\
    "arn":"arn:aws:iam::1:role/r"},\
    "attributes":{"mfaAuthenticated":"true"}}},"eventTime":"2024-10-17T20:09:52Z","eventSource":"iam.amazonaws.com",\
    "eventName":"CreateUser","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.9","userAgent":"aws-cli/2",\
    "requestParameters":{"userName":"eve"},"responseElements":null,"requestID":"q","eventID":"e-1","readOnly":false,\
    "eventType":"AwsApiCall","recipientAccountId":"1","tlsDetails":{"tlsVersion":"TLSv1.3",\
    "clientProvidedHostHeader":"iam.amazonaws.com"}}
    """

@Suite("Cloud audit records") struct CloudAuditTests {
    @Test func `a CloudTrail event becomes a row`() throws {
        let (record, _) = try normalised(cloudTrailRecord)
        #expect(record.ts == Timestamp(seconds: 1_729_195_792))
        #expect(record.provider.description == "aws" && record.outcome?.description == "success")
        #expect(record.activity.description == "create" && record.ocsfClass == 3001)
        #expect(record.string(record.identity) == "e-1" && record.string(record.account) == "1")
        #expect(record.string(record.actorName) == "r" && record.string(record.issuer) == "arn:aws:iam::1:role/r")
        #expect(record.string(record.credential) == "ASIAX" && record.hasMFA == true && record.isReadOnly == false)
        #expect(record.sourceAddress == Address("203.0.113.9") && record.sourceDomain.isAbsent)
        #expect(record.resources.map { record.string($0) } == ["eve"])
        #expect(record.string(record.tlsHost) == "iam.amazonaws.com")
        #expect(record.string(record.raw) == cloudTrailRecord)
    }

    @Test func `keys in another case say the same, and the record is the same`() throws {
        let lowered = cloudTrailRecord.replacingOccurrences(of: "\"eventName\"", with: "\"eventname\"")
            .replacingOccurrences(of: "\"userIdentity\"", with: "\"useridentity\"")
            .replacingOccurrences(of: "\"eventID\"", with: "\"eventid\"")
            .replacingOccurrences(of: "\"accessKeyId\"", with: "\"accesskeyid\"")
        let (record, key) = try normalised(lowered)
        let (_, other) = try normalised(cloudTrailRecord)
        #expect(record.string(record.operation) == "CreateUser" && record.string(record.credential) == "ASIAX")
        #expect(key == other)
    }

    @Test(arguments: [
        ("\"errorCode\":\"AccessDenied\"", "failure"), ("\"errorCode\":null", "success"),
        ("\"responseElements\":{\"ConsoleLogin\":\"Failure\"}", "failure"),
        ("\"responseElements\":{\"ConsoleLogin\":\"Success\"}", "success"),
    ])
    func `a failed call and a failed sign-in are told`(_ member: String, _ outcome: String) throws {
        let (record, _) = try normalised(
            "{\"eventVersion\":\"1\",\"eventName\":\"ConsoleLogin\",\"eventSource\":\"signin.amazonaws.com\","
                + member + "}")
        #expect(record.outcome?.description == outcome && record.ocsfClass == 3002)
    }

    @Test(arguments: [
        ("ec2.amazonaws.com", nil, "ec2.amazonaws.com"), ("AWS Internal", nil, "AWS Internal"),
        ("2001:db8::1", "2001:db8::1", nil), ("035.249.253.232", nil, "035.249.253.232"),
    ] as [(String, String?, String?)])
    func `where a call came from is an address or a name`(_ text: String, _ address: String?, _ name: String?) throws {
        let (record, _) = try normalised(
            "{\"eventVersion\":\"1\",\"eventName\":\"X\",\"eventSource\":\"s\",\"sourceIPAddress\":\"\(text)\"}")
        #expect(record.sourceAddress == address.flatMap { Address($0) })
        #expect(record.string(record.sourceDomain) == name)
    }

    @Test func `a port behind the caller's address goes`() throws {
        let template = """
            {"time":"2024-05-07T01:02:03.7796535Z",\
            "resourceId":"/SUBSCRIPTIONS/AB-1/resourceGroups/g/providers/Microsoft.Compute/x",\
            "operationName":"MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE","category":"Administrative",\
            "resultType":"Failure",\
            "callerIpAddress":"ADDR","correlationId":"c","identity":{"claims":{"name":"Eve","appid":"a"}}}
            """
        for (text, address) in [("192.0.2.1:443", "192.0.2.1"), ("[2001:db8::2]:1", "2001:db8::2")] {
            let (record, _) = try normalised(template.replacingOccurrences(of: "ADDR", with: text))
            #expect(record.sourceAddress == Address(address))
            #expect(record.string(record.account) == "ab-1" && record.string(record.service) == "microsoft.compute")
            #expect(record.string(record.actorName) == "Eve" && record.activity.description == "update")
            #expect(record.outcome?.description == "failure" && record.string(record.errorCode) == "Failure")
            #expect(record.ts.nanoseconds % 1_000_000_000 == 779_653_500)
        }
    }

    @Test func `records of one Azure operation share their correlation and stay apart`() throws {
        let start = """
            {"time":"2024-05-07T01:02:03Z","resourceId":"/a","operationName":"o","category":"c",\
            "resultType":"Start","correlationId":"x"}
            """
        let end = start.replacingOccurrences(of: "Start", with: "Success")
        let moved = start.replacingOccurrences(of: "\"/a\"", with: "\"/A\"")
        #expect(try normalised(start).1 != normalised(end).1)
        #expect(try normalised(start).1 == normalised(moved).1)
    }

    @Test func `shapes are told apart`() {
        let shapes: [(String, CloudShape?)] = [
            (#"{"insertId":"i","logName":"projects/p/logs/x","protoPayload":{"methodName":"m"}}"#, .gcpAudit),
            (#"{"eventTimestamp":"t","eventDataId":"d","operationName":{"value":"v"},"caller":"c"}"#, .azureActivity),
            (#"{"id":"i","activityDateTime":"t","activityDisplayName":"d","targetResources":[]}"#, .graphAudit),
            (#"{"TimeGenerated":"t","OperationName":"o","Category":"c"}"#, .sentinel),
            (#"{"CreationTime":"t","Id":"i","Operation":"o","Workload":"w","RecordType":15}"#, .m365),
            (#"{"uuid":"u","published":"p","eventType":"user.session.start","outcome":{}}"#, .okta),
            (#"{"calleripaddress":"1.2.3.4","operationname":"o","time":"t"}"#, .azureDiagnostic),
            (#"{"detail-type":"x","detail":{"eventName":"n","eventSource":"s","eventID":"i"}}"#, .cloudTrail),
            (#"{"message":"{\"eventName\":\"n\",\"eventSource\":\"s\",\"eventID\":\"i\"}"}"#, .cloudTrail),
            (#"{"hello":"world"}"#, nil), (#"{"eventName":"n"}"#, nil),
        ]
        for (text, shape) in shapes {
            let document = try? JSONDocument(text)
            #expect(document.flatMap { OpenedRecord($0.root)?.shape } == shape, "\(text)")
        }
    }

    @Test(arguments: [
        ("2024-10-17T20:09:52Z", 1_729_195_792_000_000_000), ("2024-10-17 20:09:52.25", 1_729_195_792_250_000_000),
        ("2024-10-17T22:09:52+02:00", 1_729_195_792_000_000_000), ("1729195792123", 1_729_195_792_123_000_000),
        ("2000-02-29T00:00:00Z", 951_782_400_000_000_000), ("2024-10-17", 1_729_123_200_000_000_000),
    ] as [(String, Int64)])
    func `times are read in the forms of all providers`(_ text: String, _ nanoseconds: Int64) {
        #expect(Timestamp(cloud: Array(text.utf8)[...])?.nanoseconds == nanoseconds)
    }

    @Test(arguments: [
        "", "now", "2024-13-01T00:00:00Z", "2024-10-17T24:00:00Z", "2024-10-17T20:09:52+1", "12345678",
        "2024-10-17T20:09:52.", "9999999999", "9999999999999", "9999999999999999",
    ])
    func `what is no time is refused`(_ text: String) {
        #expect(Timestamp(cloud: Array(text.utf8)[...]) == nil)
    }

    @Test(arguments: [
        ("DescribeInstances", "read"), ("GetObject", "read"), ("DeleteTrail", "delete"),
        ("TerminateInstances", "delete"),
        ("PutBucketPolicy", "update"), ("RunInstances", "create"), ("ConsoleLogin", "other"),
        ("google.iam.admin.v1.SetIAMPolicy", "update"), ("v1.compute.instances.insert", "create"),
        ("MICROSOFT.X/Y/DELETE", "delete"), ("Microsoft.X/y/listKeys/action", "other"), ("Add user", "update"),
    ])
    func `an operation's first word says what it does`(_ name: String, _ activity: String) {
        #expect(CloudVerb.activity(Array(name.utf8)[...]).description == activity)
    }
}
