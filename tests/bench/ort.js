// ONNX Runtime for tests/diff/ort.h: package onnxruntime-node in the folder AUTOGO_ORT. Commands
// come a line each on standard input, and each gets one line back:
//   load THREADS FILE    a network                       ok
//   input I FILE DIMS    raw floats, little-endian       ok
//   run                  on all inputs                   ms TIME
//   output I FILE        written as raw floats           ok COUNT
// Anything that fails answers "error REASON".
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const ort = require(path.join(process.env.AUTOGO_ORT || '.', 'node_modules', 'onnxruntime-node'));

let session, feeds, results;

async function load(threads, file) {
    if (session)
        await session.release();
    session = await ort.InferenceSession.create(file, {
        executionProviders: ['cpu'],
        intraOpNumThreads: Number(threads),
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
    });
    feeds = {};
    return 'ok';
}

function input(i, file, ...dims) {
    const bytes = fs.readFileSync(file);
    const floats = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    feeds[session.inputNames[i]] = new ort.Tensor('float32', Float32Array.from(floats),
                                                  dims.map(Number));
    return 'ok';
}

async function run() {
    const begun = process.hrtime.bigint();
    results = await session.run(feeds);
    return `ms ${Number(process.hrtime.bigint() - begun) / 1e6}`;
}

function output(i, file) {
    const data = results[session.outputNames[i]].data;
    fs.writeFileSync(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return `ok ${data.length}`;
}

async function main() {
    const commands = {load, input, run, output};
    for await (const line of readline.createInterface({input: process.stdin})) {
        const [name, ...args] = line.split(' ');
        let answer;
        try {
            answer = await commands[name](...args);
        } catch (e) {
            answer = 'error ' + String(e.message).replace(/\s+/g, ' ');
        }
        fs.writeSync(1, answer + '\n');
    }
}

main();
