#!/bin/sh
# The kiosk on one machine: the app, and Chromium full screen in front of it. Whichever ends is started again.
# STEELGUI and CHROMIUM name the programs, PORT the port. Set the PIN once: steelgui serve --kiosk --kiosk-pin PIN
set -u
: "${STEELGUI:=steelgui}" "${CHROMIUM:=chromium}" "${PORT:=7860}"
url="http://127.0.0.1:$PORT/kiosk/"
profile="${XDG_CACHE_HOME:-$HOME/.cache}/steelgui-kiosk"

# Both go with this script.
trap 'trap - EXIT INT TERM; kill 0' EXIT INT TERM

while :; do
  "$STEELGUI" serve --kiosk --no-inbrowser --port "$PORT"
  sleep 2
done &

while :; do
  # A browser that finds nobody shows its own page of errors.
  until curl --silent --fail --output /dev/null "$url"; do sleep 1; done
  # The engine's two optimising compilers win nothing here, and what they make would make the page grow for days.
  "$CHROMIUM" --kiosk --app="$url" --user-data-dir="$profile" --noerrdialogs --disable-infobars --no-first-run \
    --disable-session-crashed-bubble --disable-pinch --overscroll-history-navigation=0 \
    --use-fake-ui-for-media-stream --autoplay-policy=no-user-gesture-required \
    --js-flags="--no-opt --no-maglev"
  sleep 2
done &
wait
