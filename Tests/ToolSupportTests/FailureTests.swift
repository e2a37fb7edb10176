import ControlClient
import Testing
import ToolSupport
import Wire

struct FailureTests {
    @Test func everyKindHasItsCode() {
        let codes = FailureKind.allCases.map { SystemExit($0).rawValue }
        #expect(Set(codes).count == codes.count)
        #expect(SystemExit(.usage).rawValue == 64)
        #expect(SystemExit(.corrupt).rawValue == 65)
        #expect(SystemExit(.notFound).rawValue == 66)
        #expect(SystemExit(.unavailable).rawValue == 69)
        #expect(SystemExit(.exists).rawValue == 73)
        #expect(SystemExit(.io).rawValue == 74)
        #expect(SystemExit(.retryLater).rawValue == 75)
        #expect(SystemExit(.denied).rawValue == 77)
        #expect(SystemExit(.configuration).rawValue == 78)
    }

    @Test func theNamenodesRefusalsHaveTheirCodes() {
        func code(_ code: ControlCode) -> Int32 {
            let refusal = ControlFailure.Refusal(code: code, message: "m")
            return SystemExit(ControlFailure.refused(refusal).kind).rawValue
        }
        #expect(code(.notFound) == 66)
        #expect(code(.exists) == 73)
        #expect(code(.tooFewNodes) == 69)
        #expect(code(.leased) == 75)
        #expect(code(.badKey) == 64)
        #expect(code(.badSecret) == 77)
        #expect(code(.wrongCluster) == 78)
    }

    @Test func aFailureIsOneLine() {
        let failure = ControlFailure.refused(
            .init(code: .tooFewNodes, message: "start more", live: 1, needed: 3))
        #expect(failureLine(failure, program: "catena", json: false) == "catena: start more\n")
        #expect(
            failureLine(failure, program: "catena", json: true)
                == #"{"schema_version":1,"error":{"kind":"unavailable","message":"start more","#
                + #""live":1,"needed":3,"exit_code":69}}"# + "\n")
    }
}
