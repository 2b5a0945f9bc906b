// SPDX-License-Identifier: Apache-2.0
// A host in Node: scripts on Node's own loop, functions of JavaScript for them, promises for their ends.
//
//     node host.js ./epact.node
const { Epact } = require(require('path').resolve(process.argv[2]))

const script = `
local host, task = require "host", require "epact.task"
print("sum", host.add(20, 22))
print("slow", host.slow("words from a timer"))
local ok, err = pcall(host.fail)
print("fail", ok, err.message)
function report(t) task.sleep(0.05) return { total = #t.items, name = t.name } end
return "done"`

async function main() {
  const e = new Epact()
  e.register('host.add', (a, b) => a + b)
  e.register('host.slow', (text) => new Promise((resolve) => setTimeout(resolve, 20, text)))
  e.register('host.fail', () => { throw new Error('there is no such thing') })
  console.log('script', (await e.run(script, 'host'))[0])

  let ticks = 0
  const ticking = setInterval(() => ticks++, 5)
  const [report] = await e.call('report', { name: 'b', items: [1, 2, 3] })
  clearInterval(ticking)
  console.log('report', report.name, report.total, ticks > 2 ? 'beside timers of Node' : `only ${ticks} ticks`)

  try {
    await e.run('require "epact.http".get("http://127.0.0.1:1/")')
  } catch (error) {
    console.log('error', error.code)
  }
  const left = e.call('report', { items: [] }).catch((error) => console.log('left', error.code))
  await e.close()
  await left
}

main().catch((error) => { console.error(error); process.exitCode = 1 })
