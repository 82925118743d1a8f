#!/usr/bin/env bash
# The HTTP API by curl: first the calls of the deployment guide as they are written there, then
# a tour of the rest. Each is followed by what has to be true of its answer; the first that is
# not ends the script with exit 1. It needs curl, jq, and a service with the demo plant; it may be
# run again.
#
#   make run                                                       # in another terminal
#   TOKEN=$(bin/seriald token --role admin) examples/curl.sh
#
# BASE is where the service is. ADMIN_PASSWORD, which the first start printed, has a token made
# for the user admin too.
set -euo pipefail

BASE=${BASE:-http://localhost:4000}
: "${TOKEN:?is not set: TOKEN=\$(bin/seriald token --role admin) $0}"
SERIALIZATION=/api/v1/serialization

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" # curl-format.txt is found here
# What all calls have in common: progress is not shown, and nothing hangs.
export CURL_HOME=$work
printf '%s\n' silent 'max-time = 30' >.curlrc
trap 'echo "FAILED: line $LINENO: $BASH_COMMAND" >&2' ERR

# So that a second run asks for other numbers.
run=$(date -u +%Y%m%d%H%M%S)-$$

fail() {
	printf 'FAILED: %s\n' "$@" >&2
	exit 1
}

# expect FILTER [jq's arguments…]: of the last answer the filter must be true. No answer is false.
expect() {
	jq -e "${@:2}" "$1" <<<"$answer" >result || fail "$1 does not hold (jq ${*:2})" "the answer is: $answer"
}

# expect_text PATTERN: a line of the last answer must match.
expect_text() {
	grep -Eq -- "$1" <<<"$answer" || fail "no line matches $1" "the answer is: $answer"
}

# get FILTER: prints what the filter finds in the last answer, which must be something.
get() {
	jq -er "$1" <<<"$answer" || fail "there is no $1" "the answer is: $answer"
}

# call STATUS METHOD PATH [BODY [curl's arguments…]]: must be answered with this status; sets
# answer. The headers are in the file headers.
call() {
	local want=$1 method=$2 path=$3 body=${4:-} status
	local options=(-S -g -X "$method" -H "Authorization: Bearer $TOKEN" -D headers -o body -w '%{http_code}' "${@:5}")
	[ -z "$body" ] || options+=(-H 'Content-Type: application/json' -d "$body")
	: >body # curl leaves it alone if there is no body
	status=$(curl "${options[@]}" "$BASE$path")
	answer=$(<body)
	printf '%s %s %s\n' "$status" "$method" "$path"
	[ "$status" = "$want" ] || fail "$method $path has to be answered with $want, not $status" "the answer is: $answer"
}

# header NAME: prints its value in the last answer.
header() {
	grep -i "^$1:" headers | sed 's/^[^:]*: *//' | tr -d '\r'
}

echo '== the deployment guide: is the service well?'

# Health Checks, 1: API health.
answer=$(curl -s $BASE/health | jq .)
expect '.status == "ok" and .database == "connected" and (.redis | IN("connected", "disabled")) and .uptime > 0'
expect '.timestamp | test("^\\d{4}-\\d\\d-\\d\\dT.*Z$")'

# Health Checks, 2: the database, and its connections.
answer=$(curl -s $BASE/api/v1/health/db | jq .)
expect '.status == "connected" and .responseTime > 0 and (.poolConnections | .total >= .idle + .active and .total > 0)'

# Monitoring: metrics. head may end curl, which is no failure.
answer=$(curl -s $BASE/metrics | head -20) || true
expect_text '^# HELP [a-z_]+ '
expect_text '^[a-z_]+(\{.*\})? [0-9.e+-]+$'

# After a restore, and after a rollback.
answer=$(curl $BASE/health)
expect '.status == "ok" and .database == "connected"'

# Performance baseline: curl-format.txt says what curl tells of the call.
echo '{"status": %{http_code}, "seconds": %{time_total}}' >curl-format.txt
answer=$(curl -w "@curl-format.txt" -o /dev/null -s $BASE/health)
expect '.status == 200 and .seconds > 0 and .seconds < 30'

echo '== the deployment guide: do the endpoints answer?'

# A number is taken once: in a second run of this script it is a conflict.
call 200 GET "$SERIALIZATION/vendor/part/PART-001?serialNumber=TEST-2024-001&vendorName=Test%20Vendor"
taken=$(get .total)

# Test vendor serial endpoint.
answer=$(curl -X POST $BASE/api/v1/serialization/vendor/receive \
  -H "Content-Type: application/json" \
  -H "Authorization: Bearer $TOKEN" \
  -d '{
    "vendorSerialNumber": "TEST-2024-001",
    "vendorName": "Test Vendor",
    "partId": "PART-001",
    "receivedDate": "2024-11-01"
  }')
if [ "$taken" = 0 ]; then
	expect '.status == "PENDING" and .vendorSerialNumber == "TEST-2024-001" and .vendorName == "Test Vendor" and .partId == "PART-001"'
	expect '(.id | length) == 36 and (.receivedAt | endswith("Z"))'
else
	expect '.status == 409 and .code == "DUPLICATE_SERIAL" and .conflict.serialNumber == "TEST-2024-001"'
fi

# Test trigger configuration.
answer=$(curl $BASE/api/v1/serialization/triggers/statistics/PART-001 \
  -H "Authorization: Bearer $TOKEN")
expect '.totalTriggers >= 1 and .activeTriggers >= 1 and .byTriggerType.OPERATION_COMPLETE >= 1 and .byAssignmentType.SYSTEM_GENERATED >= 1'
expect 'has("withConditions") and has("batchEnabled")'

# Verify audit trail endpoint.
answer=$(curl $BASE/api/v1/serialization/audit/events?partId=PART-001 \
  -H "Authorization: Bearer $TOKEN")
expect '.total >= 1 and (.data | length) >= 1 and all(.data[]; .partId == "PART-001")'
expect 'any(.data[]; .serialNumber == "TEST-2024-001" and .eventType == "VENDOR_RECEIVED") or .nextCursor'

echo '== numbers'

# Make one. The key is the event's id: what is sent again with it has one effect, and is
# answered alike. Who did it is who the token says, whatever the body does.
generate='{"partId": "PART-001", "context": {"cell": "B7"}, "performedBy": "somebody else"}'
call 201 POST $SERIALIZATION/system-generated/generate "$generate" -H "Idempotency-Key: curl-$run"
expect '.status == "ACTIVE" and .partId == "PART-001" and .formatConfigId == "default" and (.serialNumber | startswith("TST-"))'
expect '.eventId == $key' --arg key "curl-$run"
serial=$(get .id)
number=$(get .serialNumber)
first=$answer
call 201 POST $SERIALIZATION/system-generated/generate "$generate" -H "Idempotency-Key: curl-$run"
expect '. == $first' --argjson first "$first"

# What became of an event, wherever it came from.
call 200 GET "/api/v1/events/curl-$run"
expect '.status == "accepted" and .serials[0].id == $id' --arg id "$serial"

# Several at once, one after the other.
call 201 POST $SERIALIZATION/system-generated/generate '{"partId": "PART-001", "quantity": 3}'
expect '(.data | length) == 3 and ([.data[].serialNumber] | . == (sort | unique))'

# What can't be done says why: 422, with the field and the code that devices get too.
call 422 POST $SERIALIZATION/system-generated/generate '{"partId": "NO-SUCH-PART"}'
expect '.code == "PART_NOT_FOUND" and .errors[0].field == "partId" and .status == 422'

# By what it was made with, and page by page.
call 200 GET "$SERIALIZATION/serials?attributes[cell]=B7&partId=PART-001"
expect 'all(.data[]; .attributes.cell == "B7") and any(.data[]; .id == $id)' --arg id "$serial"
call 200 GET "$SERIALIZATION/serials?partId=PART-001&limit=2"
expect '(.data | length) == 2 and .total >= 4 and .limit == 2'
newest=$(get '.data[0].id')
next=$(get .nextCursor)
call 200 GET "$SERIALIZATION/serials?partId=PART-001&limit=2&cursor=$next"
expect '(.data | length) == 2 and all(.data[]; .id < $newest)' --arg newest "$newest"

# Whether a serial has changed: 304 as long as it has not.
call 200 GET "$SERIALIZATION/serials/$serial"
expect '.id == $id and .serialNumber == $number' --arg id "$serial" --arg number "$number"
etag=$(header ETag)
call 304 GET "$SERIALIZATION/serials/$serial" '' -H "If-None-Match: $etag"
[ -z "$answer" ] || fail "a 304 has no body, but: $answer"

# A unit passes an operation, and ends. Its ETag is another one then.
call 201 POST $SERIALIZATION/propagation/pass-through "{\"sourceSerialId\": \"$serial\", \"operationCode\": \"OP-020\"}"
expect '.status == "accepted"'
call 200 POST "$SERIALIZATION/serials/$serial/retire" '{"reason": "dropped"}'
expect '.serials[0].status == "RETIRED"'
call 200 GET "$SERIALIZATION/serials/$serial" '' -H "If-None-Match: $etag"
expect '.status == "RETIRED" and .retirementReason == "dropped"'

# All that happened to it, the oldest first.
call 200 GET "$SERIALIZATION/serials/$serial/history"
expect '[.history[].audit.eventType | values] | .[0] == "SERIAL_GENERATED" and .[-1] == "SERIAL_RETIRED"'
expect 'any(.history[]; .propagation.operationCode == "OP-020") and all(.history[].audit | values; .performedBy != "somebody else")'

echo '== numbers of vendors'

receive() {
	call 201 POST $SERIALIZATION/vendor/receive "{\"partId\": \"PART-002\", \"vendorName\": \"Acme\", \"vendorSerialNumber\": \"$1\"}"
	expect '.status == "PENDING" and .vendorSerialNumber == $number' --arg number "$1"
	received=$(get .id)
}
receive "A-$run-1"
call 200 POST "$SERIALIZATION/vendor/$received/accept" '{}'
expect '.status == "accepted" and .serials[0].status == "ACCEPTED"'
receive "A-$run-2"
call 200 POST "$SERIALIZATION/vendor/$received/reject" '{"rejectionReason": "bent"}'
expect '.status == "accepted" and .serials[0].status == "REJECTED"'
call 200 GET "$SERIALIZATION/vendor/part/PART-002?vendorName=Acme&status=REJECTED"
expect '.data[0].vendorSerialNumber == $number and .data[0].rejectionReason == "bent"' --arg number "A-$run-2"

echo '== units that get their numbers later'

call 201 POST $SERIALIZATION/late-assignment/placeholder "{\"partId\": \"PART-003\", \"quantity\": 2, \"workOrderId\": \"WO-$run\"}"
expect '(.data | length) == 2 and all(.data[]; .status == "PENDING")'
one=$(get '.data[0].id')
other=$(get '.data[1].id')
call 200 GET "$SERIALIZATION/late-assignment/pending?workOrderId=WO-$run"
expect '.total == 2 and .data[0].id == $one' --arg one "$one"
call 200 POST "$SERIALIZATION/late-assignment/placeholder/$one/assign" "{\"serialNumber\": \"H-$run\"}"
expect '.placeholders[0].status == "SERIALIZED" and .serials[0].serialNumber == $number' --arg number "H-$run"
call 200 POST "$SERIALIZATION/late-assignment/placeholder/$other/fail" '{"reason": "scrapped"}'
expect '.placeholders[0].status == "FAILED"'
call 200 GET "$SERIALIZATION/late-assignment/placeholder/$one"
expect '.status == "SERIALIZED" and .serialNumber == $number' --arg number "H-$run"
call 200 GET $SERIALIZATION/late-assignment/statistics/PART-003
expect '.totalSerialized >= 1 and .totalFailed >= 1 and .successRate > 0 and .successRate < 100'

echo '== triggers'

# Two numbers or more at an operation of this run.
call 201 POST $SERIALIZATION/triggers "{\"partId\": \"PART-001\", \"triggerType\": \"OPERATION_COMPLETE\", \"operationCode\": \"OP-$run\",
  \"assignmentType\": \"SYSTEM_GENERATED\", \"conditions\": {\"quantity\": {\"gte\": 2}}}"
trigger=$(get .triggerId)
# What it would do. Nothing is changed.
call 200 POST "$SERIALIZATION/triggers/$trigger/test" "{\"data\": {\"partId\": \"PART-001\", \"operationCode\": \"OP-$run\", \"quantity\": 5}}"
expect '.wouldFire and .units == 5'
call 200 POST "$SERIALIZATION/triggers/$trigger/test" "{\"data\": {\"partId\": \"PART-001\", \"operationCode\": \"OP-$run\", \"quantity\": 1}}"
expect '.wouldFire == false and (.reason | contains("quantity"))'
# What it does: as if a device had told.
occurrence="{\"triggerType\": \"OPERATION_COMPLETE\", \"partId\": \"PART-001\", \"operationCode\": \"OP-$run\", \"quantity\": 2}"
call 200 POST $SERIALIZATION/system-generated/trigger "$occurrence"
expect '.status == "accepted" and (.serials | length) == 2'
# When it is disabled, there is nothing to do, which is no error.
call 200 POST "$SERIALIZATION/triggers/$trigger/disable"
expect '.status == "accepted"'
call 200 POST $SERIALIZATION/system-generated/trigger "$occurrence"
expect '.status == "ignored" and (has("serials") | not)'
call 200 GET "$SERIALIZATION/triggers/$trigger"
expect '.active == false and .statistics.fired == 1 and .statistics.units == 2'
call 200 DELETE "$SERIALIZATION/triggers/$trigger"
call 404 GET "$SERIALIZATION/triggers/$trigger"
expect '.code == "TRIGGER_NOT_FOUND"'

echo '== numbers that two want'

wanted="{\"partId\": \"PART-001\", \"serialNumber\": \"X-$run\"}"
call 200 POST $SERIALIZATION/uniqueness/check "$wanted"
expect '.hasConflict == false and .conflictType == null'
call 201 POST $SERIALIZATION/uniqueness/register "$wanted"
expect '.status == "accepted"'
call 200 POST $SERIALIZATION/uniqueness/check "$wanted"
expect '.hasConflict and .conflictType == "REGISTERED" and .conflictingScopes == ["SITE", "PART_TYPE"]'
# Who asks for it is told that it is taken, and by whom; nothing of the holder changes.
call 409 POST $SERIALIZATION/uniqueness/register "$wanted"
expect '.code == "DUPLICATE_SERIAL" and .conflict.holderPartId == "PART-001"'
call 200 GET "$SERIALIZATION/uniqueness/conflicts/pending?partId=PART-001&limit=500"
conflict=$(get ".data[] | select(.serialNumber == \"X-$run\") | .id")
# A person decides.
call 200 POST $SERIALIZATION/uniqueness/conflict/resolve "{\"conflictId\": \"$conflict\", \"conflictResolution\": \"KEEP\", \"resolutionReason\": \"asked twice\"}"
expect '.status == "accepted" and .conflict.resolution == "KEEP"'
call 200 GET "$SERIALIZATION/uniqueness/conflicts/history?partId=PART-001&limit=1"
expect '.data[0].id == $id and .data[0].reason == "asked twice"' --arg id "$conflict"
call 200 GET "$SERIALIZATION/uniqueness/report/X-$run/PART-001"
expect '.conflicts[0].status == "RESOLVED" and (.claims | length) == 2 and all(.claims[]; .status == "CLAIMED")'
call 200 GET $SERIALIZATION/uniqueness/statistics/PART-001
expect '.totalUniqueSerials > 0 and .resolvedConflicts > 0 and .conflictRate > 0'

echo '== master data, patterns, scans'

call 200 PUT "$SERIALIZATION/formats/curl-$run" "{\"pattern\": \"C-$run-{SEQ:5}\"}"
call 200 PUT "$SERIALIZATION/parts/CURL-$run" "{\"name\": \"Gear\", \"formatConfigId\": \"curl-$run\"}"
call 200 GET "$SERIALIZATION/parts/CURL-$run"
expect '.name == "Gear" and .uniquenessScopes == ["SITE", "PART_TYPE"]'
# What is referred to stays.
call 422 DELETE "$SERIALIZATION/formats/curl-$run"
expect '.code == "INVALID_STATE"'
call 200 DELETE "$SERIALIZATION/parts/CURL-$run"
call 200 DELETE "$SERIALIZATION/formats/curl-$run"
call 200 POST $SERIALIZATION/formats/preview '{"pattern": "W{YYYY}{MM}-{SEQ:5}", "at": "2026-03-02T08:00:00Z", "count": 2}'
expect '.numbers == ["W202603-00001", "W202603-00002"]'
call 200 POST $SERIALIZATION/scan/parse '{"data": "]d2010950600013435221ABC\u001d10LOT1"}'
expect '.kind == "gs1" and .gtin == "09506000134352" and .serial == "ABC" and .lot == "LOT1"'

echo '== audit'

call 200 GET "$SERIALIZATION/audit/events?serialNumber=$number&eventType=SERIAL_GENERATED"
expect '.total == 1 and .data[0].serialId == $id and .data[0].status == "SUCCESS"' --arg id "$serial"
today=$(date -u +%Y-%m-%d)
call 200 GET "$SERIALIZATION/audit/events/export?format=csv&partId=PART-001&startDate=$today"
expect_text '^id,eventType,status,eventId,serialId,serialNumber,partId,'
expect_text ",SERIAL_RETIRED,SUCCESS,.*,$number,PART-001,"
call 200 GET "$SERIALIZATION/audit/events/export?format=jsonl&partId=PART-001&startDate=$today"
answer=$(jq -s . <<<"$answer") # an object in each line
expect 'length >= 1 and all(.[]; .partId == "PART-001") and any(.[]; .serialId == $id)' --arg id "$serial"
call 200 GET $SERIALIZATION/audit/statistics
expect '.totalEvents >= 1 and .byType.SERIAL_GENERATED >= 1 and .byStatus.SUCCESS >= 1'

echo '== serial events as they come'

# stream SECONDS [curl's arguments…]: sets answer to what came in that time.
stream() {
	local code=0
	answer=$(curl -N --max-time "$1" -H "Authorization: Bearer $TOKEN" "${@:2}" "$BASE/api/v1/events/stream?partId=PART-001&event=assigned") || code=$?
	[ "$code" = 28 ] || fail "the stream must go on until curl's time is over (28), not end with $code" "the answer is: $answer"
}
# It begins with the place where it is, and goes on behind what a client says that it has:
# nothing is missed in between.
stream 2
place=$(sed -n 's/^id: //p' <<<"$answer" | tail -n 1)
expect_text '^retry: [0-9]+$'
call 201 POST $SERIALIZATION/system-generated/generate '{"partId": "PART-001"}' -H "Idempotency-Key: curl-$run-live"
number=$(get .serialNumber)
stream 3 -H "Last-Event-ID: $place"
expect_text '^event: assigned$'
answer=$(sed -n 's/^data: //p' <<<"$answer" | jq -s .) # CloudEvents
expect 'length == 1 and .[0].type == "machshop.serial.assigned" and .[0].data.serials[0].serialNumber == $number' --arg number "$number"

echo '== who may'

call 200 GET /openapi.json
expect '.openapi == "3.1.0" and (.paths | has("/api/v1/serialization/vendor/receive"))'
call 200 GET /docs/
expect_text '<title>'
call 404 GET /no/such/path
expect '.code == "NOT_FOUND"'
if [ -n "${ADMIN_PASSWORD:-}" ]; then
	credentials=$(jq -n --arg password "$ADMIN_PASSWORD" '{user: "admin", $password}')
	call 200 POST /api/v1/auth/token "$credentials"
	expect '.tokenType == "Bearer" and .expiresIn > 0'
	TOKEN=$(get .accessToken)
	call 200 GET "$SERIALIZATION/serials/$serial"
	expect '.id == $id' --arg id "$serial"
fi
TOKEN=none
call 401 GET "$SERIALIZATION/serials/$serial"
expect '.code == "UNAUTHORIZED" and (has("id") | not)'

echo 'all as it should be'
